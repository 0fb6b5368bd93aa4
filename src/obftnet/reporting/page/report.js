"use strict";
// What the page cannot do by itself: the list of all images, a larger look at one, the images behind the dots.
// Texts and names are set as text, never as markup.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const { texts, columns, rows, facts } = read("data");
  const pictures = read("pictures");
  const column = Object.fromEntries(columns.map((name, index) => [name, index]));
  const get = (row, name) => rows[row][column[name]];
  const list = document.getElementById("list");
  const filter = document.getElementById("filter");
  const detail = document.getElementById("detail");
  const page = 60;
  let found = [];
  let drawn = 0;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function picture(row) {
    const large = document.getElementById(`picture-${row}`);
    const source = large ? large.src : pictures[get(row, "picture")];
    if (!source) return element("div", { class: "none" }, texts.no_picture);
    return element("img", { src: source, alt: get(row, "name"), decoding: "async" });
  }

  function small(row) {
    const own = pictures[get(row, "picture")];
    return own ? element("img", { src: own, alt: get(row, "name"), decoding: "async" }) : picture(row);
  }

  function card(row) {
    const verdict = get(row, "verdict");
    return element("figure", { class: `card ${verdict}`, "data-row": row, tabindex: "0" },
      small(row),
      element("figcaption", {},
        element("b", {}, get(row, "name")),
        element("span", {}, element("i", { class: "badge" }, texts[verdict]), ` ${get(row, "score_text")}`)));
  }

  function more() {
    const next = found.slice(drawn, drawn + page).map(card);
    drawn += next.length;
    list.append(...next);
    if (drawn < found.length) watch.observe(list.lastElementChild);
  }

  // The next cards are made when the last is about to be seen: a page of thousands opens as one of a hundred.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        watch.unobserve(entry.target);
        more();
      }
    }
  }, { rootMargin: "1200px" });

  const orders = {
    file: (a, b) => a - b,
    high: (a, b) => get(b, "score") - get(a, "score") || a - b,
    low: (a, b) => get(a, "score") - get(b, "score") || a - b,
    name: (a, b) => get(a, "name").localeCompare(get(b, "name"), undefined, { numeric: true }) || a - b,
  };

  function update() {
    const chosen = new FormData(filter);
    const verdicts = new Set(chosen.getAll("verdict"));
    const kind = chosen.get("kind");
    const truth = chosen.get("truth");
    const words = chosen.get("search").toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.map((_, row) => row).filter((row) => {
      const name = get(row, "name").toLowerCase();
      return verdicts.has(get(row, "verdict"))
        && (!kind || get(row, "kinds").includes(kind))
        && (!truth || get(row, "truth").includes(truth))
        && words.every((word) => name.includes(word));
    }).sort(orders[chosen.get("sort")]);
    const count = found.length.toLocaleString("en");
    const total = rows.length.toLocaleString("en");
    document.getElementById("count").value = found.length
      ? texts.shown.replace("{count}", count).replace("{total}", total) : texts.none_shown;
    watch.disconnect();
    list.replaceChildren();
    drawn = 0;
    more();
  }

  let open = 0;
  function show(row) {
    open = row;
    detail.querySelector("h3").textContent = get(row, "name");
    detail.querySelector(".picture").replaceChildren(picture(row));
    detail.querySelector("table").replaceChildren(...facts.map(([name, title]) =>
      element("tr", {}, element("th", {}, title), element("td", {}, String(get(row, name))))));
    if (!detail.open) detail.showModal();
  }

  // From an image to the one before or behind it in the list as it is filtered.
  function step(by) {
    const place = found.indexOf(open);
    const next = place < 0 ? open + by : found[place + by];
    if (next !== undefined && rows[next]) show(next);
  }

  document.addEventListener("click", (event) => {
    const chosen = event.target.closest(".card");
    if (chosen) show(Number(chosen.dataset.row));
  });
  document.addEventListener("keydown", (event) => {
    const chosen = event.target.closest && event.target.closest(".card");
    if (chosen && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      show(Number(chosen.dataset.row));
    }
    if (detail.open && event.key === "ArrowLeft") step(-1);
    if (detail.open && event.key === "ArrowRight") step(1);
  });
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));

  const chart = document.getElementById("order");
  if (chart) {
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    chart.prepend(title);
    const under = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
      const left = Number(chart.dataset.left), right = Number(chart.dataset.right);
      const row = Math.floor((point.x - left) / (right - left) * rows.length);
      return row >= 0 && row < rows.length ? row : null;
    };
    chart.addEventListener("mousemove", (event) => {
      const row = under(event);
      title.textContent = row === null ? "" : `${get(row, "name")}: ${get(row, "score_text")}`;
    });
    chart.addEventListener("click", (event) => {
      const row = under(event);
      if (row !== null) show(row);
    });
  }

  // On paper nothing can be opened: what is folded is there, but for what would fill pages.
  const folded = () => document.querySelectorAll("details:not(.more):not([open])");
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...folded()];
    for (const part of unfolded) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of unfolded) part.open = false;
  });

  filter.addEventListener("input", update);
  filter.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
