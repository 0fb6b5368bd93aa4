// An image that was looked at, as two steps show it: the picture under what is marked, the decision's sliders, its
// regions, and why a place was marked.

import { address, ask, send } from "./api.js";
import { DecisionForm, asked } from "./decision.js";
import { find, h, renew } from "./dom.js";
import { pressed } from "./keys.js";
import { Levels } from "./levels.js";
import { Preview } from "./preview.js";
import { LEAST, number, score, t } from "./texts.js";

export const KINDS = { pass: "good", fail: "bad", review: "doubt" };

export class Tried {
  // step: whose image it is; it has `image`, `render()` and `choose(name)`.
  constructor(app, step) {
    this.app = app;
    this.step = step;
    this.levels = new Levels(app.viewer);
    this.form = new DecisionForm((said, rests) => this.#decide(said, rests));
    this.preview = null;
    this.decided = null; // what the server says of the image
    this.current = null; // for which image, fit and decision
    this.region = null;
    this.divider = 0; // where the overlay begins, 0 left, 1 right
    this.view = "mask";
    this.proposed = false; // whether the proposal is what is shown
    app.viewer.over.push((context, viewer) => this.#frames(context, viewer));
    find("#canvas").addEventListener("click", (event) => this.#click(event));
    find("#canvas").addEventListener("pointerdown", (event) => (this.pressed = app.viewer.at(event)));
  }

  get active() {
    return this.app.step === this.step;
  }

  get image() {
    return this.step.image;
  }

  enter() {
    this.app.viewer.onview = () => this.status();
    find("#canvas").className = "pans";
  }

  leave() {
    this.current = null;
    this.forget();
  }

  // Another image is chosen.
  forget() {
    this.region = this.asked = null;
  }

  // Show the step's image with what was found, and its tools.
  show() {
    const { app, image } = this;
    if (!app.state.fit.proposed) this.proposed = false;
    this.form.become(app.state.settings.decision);
    app.viewer.show(image, image ? this.#layers(image) : []);
    this.levels.become(image);
    this.#toolbar(image);
    renew(find("#zoom"), image ? this.app.zoomButtons() : []);
    this.#load(image);
    this.status();
  }

  // For the panel: the decision, and what it makes of the image.
  panel() {
    return [this.image?.tried ? this.form.element() : null, h("div", { id: "results", class: "stack" })];
  }

  // Once the panel is there.
  filled() {
    if (this.image?.tried) this.#results(this.image);
  }

  // What can be done with the image; whats: "false-alarm", "missed".
  about(whats) {
    const { app, image } = this;
    const idle = !app.state.fit.job;
    const path = encodeURIComponent(image.name);
    const move = async (what) => {
      const done = await app.attempt(() => send("POST", `tried/${path}/${what}`));
      if (done && what === "missed") {
        app.steps[0].chosen = image.name;
        app.go("guidance");
      } else if (done) app.go("try"); // where the new fit is shown
    };
    const remove = async () => {
      if (await app.confirm(t("remove.sure", image), t("remove"))) {
        await app.attempt(() => send("DELETE", `images/${path}`));
      }
    };
    const moves = image.tried && idle && !app.state.fit.proposed ? whats : [];
    return h(
      "section",
      { class: "box" },
      h("h2", {}, image.name),
      h("div", { id: "explain" }, image.tried ? (this.#explainButton() ?? "") : ""),
      h(
        "p",
        { class: "row" },
        moves.map((what) => h("button", { onclick: () => move(what), title: t(`${what}.why`), dataset: { key: what } }, t(what))),
        h("button", { class: "danger", onclick: remove, disabled: !idle, dataset: { key: "remove" } }, t("remove")),
      ),
    );
  }

  // --- what is shown of the image ---

  #layers(image) {
    return [{ url: this.levels.tiles(image) }, { draw: (context, viewer) => this.#overlay(context, viewer) }];
  }

  #overlay(context, viewer) {
    if (!this.preview || this.view === "picture") return;
    const { width, height } = viewer.size;
    const left = viewer.toCanvas({ x: this.divider * viewer.image.width, y: 0 }).x;
    context.beginPath();
    context.rect(left, 0, Math.max(0, width - left), height);
    context.clip();
    if (this.view === "score") {
      context.globalAlpha = 0.75;
      this.preview.draw(context, viewer, this.preview.heat());
      return;
    }
    context.globalAlpha = 0.5;
    if (this.settled) {
      const { name } = viewer.image;
      const parameters = { ...asked(this.form.said), proposed: this.proposed, v: this.app.state.fit.version };
      const url = (level, row, column) =>
        address(`tried/${encodeURIComponent(name)}/mask/${level}/${row}/${column}`, parameters);
      context.imageSmoothingEnabled = false;
      if (viewer.drawTiles(context, url)) return;
    }
    this.preview.draw(context, viewer, this.preview.canvas);
  }

  #frames(context, viewer) {
    if (!this.active || !viewer.image) return;
    if (this.divider > 0 && this.preview) {
      const x = viewer.toCanvas({ x: this.divider * viewer.image.width, y: 0 }).x;
      line(context, [[x, 0], [x, viewer.size.height]]);
    }
    const region = this.decided?.regions.find((one) => one.number === this.region);
    if (region) {
      const [x, y, width, height] = region.box;
      const a = viewer.toCanvas({ x: x - 2, y: y - 2 });
      const b = viewer.toCanvas({ x: x + width + 2, y: y + height + 2 });
      line(context, [[a.x, a.y], [b.x, a.y], [b.x, b.y], [a.x, b.y], [a.x, a.y]]);
    }
  }

  // The score map of the image, and what the decision makes of it.
  async #load(image) {
    const key = image?.tried ? `${image.name} ${image.version} ${this.proposed} ${this.app.state.fit.version}` : "";
    if (this.current === key) return;
    this.current = key;
    this.preview = this.decided = null;
    this.settled = false;
    if (!key) return;
    const preview = await Preview.load(image.name, { proposed: this.proposed });
    if (this.current !== key) return;
    this.preview = preview;
    this.#decide(this.form.said, true, false);
  }

  // Shown at once from the small map; the server says the rest, when it can.
  #decide(said, rests, store = true) {
    this.settled = false;
    if (this.preview) {
      const start = performance.now();
      this.preview.mark(said);
      this.took = performance.now() - start; // for the tests
      this.app.viewer.redraw();
    }
    this.wanted = { said, rests, store };
    this.#ask();
  }

  async #ask() {
    if (this.asking) return;
    this.asking = true;
    while (this.wanted) {
      const { said, rests, store } = this.wanted;
      const { current, image } = this;
      this.wanted = null;
      try {
        if (this.preview && image) {
          const parameters = { ...asked(said), proposed: this.proposed };
          const decided = await ask(`tried/${encodeURIComponent(image.name)}/decided`, parameters);
          if (current === this.current) {
            this.decided = decided;
            this.settled = !this.wanted;
            this.#results(image);
            this.app.viewer.redraw();
          }
        }
        if (rests && store) {
          await send("PUT", "settings", { ...this.app.state.settings, decision: said });
          await this.app.refresh();
        }
      } catch (error) {
        if (error.status) this.app.refused(error.message);
        else this.app.lost(true);
      }
    }
    this.asking = false;
  }

  // --- the tools and the panel ---

  #toolbar(image) {
    const views = ["mask", "score", "picture"];
    renew(
      find("#toolbar"),
      image?.tried
        ? [
            h(
              "span",
              { class: "group", role: "group", "aria-label": t("view") },
              views.map((view) =>
                h(
                  "button",
                  {
                    "aria-pressed": String(this.view === view),
                    dataset: { key: view },
                    onclick: () => {
                      this.view = view;
                      this.step.render();
                    },
                  },
                  t(`view.${view}`),
                ),
              ),
            ),
            h(
              "label",
              { class: "group" },
              t("divider"),
              h("input", {
                type: "range",
                min: 0,
                max: 1,
                step: 0.01,
                value: this.divider,
                class: "wide",
                dataset: { key: "divider" },
                oninput: (event) => {
                  this.divider = Number(event.target.value);
                  this.app.viewer.redraw();
                },
              }),
            ),
          ]
        : null,
    );
  }

  #results(image) {
    const place = find("#results");
    if (!place || !this.decided) return;
    const { verdict, image_score, area, count, regions } = this.decided;
    const kind = KINDS[verdict];
    const millimetres = regions.some((region) => region.area_mm2 !== undefined);
    const row = (region) =>
      h(
        "tr",
        {
          "aria-selected": String(region.number === this.region),
          tabindex: 0,
          dataset: { key: `region-${region.number}` },
          onclick: () => this.#select(region.number),
          onkeydown: (event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              this.#select(region.number);
            }
          },
        },
        h("td", {}, number(region.number)),
        h("td", {}, millimetres ? number(region.area_mm2, 2) : number(region.area)),
        h("td", {}, millimetres ? number(region.length_mm, 2) : number(region.length)),
        h("td", {}, score(region.largest_score)),
      );
    renew(
      place,
      h(
        "section",
        { class: "box", "aria-label": t("result") },
        h("p", { class: `verdict ${kind}`, id: "verdict" }, `${t(`verdict.${verdict}`)} · ${t("image-score", { score: score(image_score) })}`),
        count ? h("p", { class: "soft" }, t(count === 1 ? "marked-share.one" : "marked-share", { count, share: number(100 * area, 2) })) : this.#unmarked(image_score),
        regions.length
          ? h(
              "table",
              {},
              h("thead", {}, h("tr", {}, ["nr", millimetres ? "area-mm" : "area", millimetres ? "length-mm" : "length", "largest"].map((one) => h("th", { scope: "col" }, t(`region.${one}`))))),
              h("tbody", {}, regions.map(row)),
            )
          : null,
        count > regions.length ? h("p", { class: "soft" }, t("too-many")) : null,
        regions.length ? h("p", { class: "soft" }, t("click-region")) : null,
      ),
    );
    find("#verdict").dataset.image = image.name;
  }

  // Why nothing is marked, and from where on something would be.
  #unmarked(value) {
    const { threshold, min_area, unit } = this.form.said;
    const region = { area: number(min_area), unit: unit === "mm" ? "mm²" : "px" };
    const values = { ...region, score: score(Math.max(value, LEAST)), threshold: score(threshold) };
    return h("p", { class: "soft", id: "unmarked" }, t(value >= LEAST ? "unmarked" : "unmarked.none", values));
  }

  // Show a region, and offer to explain it.
  #select(number_) {
    this.region = number_;
    const region = this.decided.regions.find((one) => one.number === number_);
    const [x, y, width, height] = region.box;
    this.app.viewer.reveal({ x: x + width / 2, y: y + height / 2 }, 80);
    this.#results(this.image);
    this.app.viewer.redraw();
    this.#offer(Math.round(region.center[0]), Math.round(region.center[1]));
  }

  #offer(x, y) {
    this.asked = { x, y };
    const place = find("#explain");
    if (place) renew(place, this.#explainButton());
  }

  #explainButton() {
    if (!this.asked || this.app.state.fit.job) return null;
    const { x, y } = this.asked;
    return h("button", { onclick: () => this.explain(x, y), dataset: { key: "explain" } }, t("explain", { x, y }));
  }

  async explain(x, y) {
    const { image, app } = this;
    app.status(t("explaining"));
    try {
      const { words } = await send("POST", `tried/${encodeURIComponent(image.name)}/explain`, undefined, { x, y });
      const dialog = find("#keys");
      const picture = address("tried/explained/picture", { v: Date.now() });
      renew(
        dialog,
        h("h2", {}, t("explained", { x, y })),
        h("img", { src: picture, alt: words.join(" "), class: "explained" }),
        words.map((line) => h("ul", {}, line.split("; ").map((part) => h("li", {}, part)))),
        h("button", { onclick: () => dialog.close(), autofocus: true }, t("close")),
      );
      dialog.classList.add("large");
      dialog.onclose = () => dialog.classList.remove("large");
      dialog.showModal();
    } catch (error) {
      if (error.status) app.refused(error.message);
      else app.lost(true);
    }
    this.status();
  }

  #click(event) {
    if (!this.active || !this.decided || !this.image) return;
    const { viewer } = this.app;
    const at = viewer.at(event);
    if (this.pressed && Math.hypot(at.x - this.pressed.x, at.y - this.pressed.y) > 4) return; // it was moved
    const point = viewer.toImage(at);
    const inside = ({ box: [x, y, width, height] }) =>
      point.x >= x - 1 && point.y >= y - 1 && point.x <= x + width + 1 && point.y <= y + height + 1;
    const [hit] = this.decided.regions.filter(inside).sort((a, b) => a.area - b.area);
    if (hit) this.#select(hit.number);
    if (point.x >= 0 && point.y >= 0 && point.x < viewer.image.width && point.y < viewer.image.height) {
      this.#offer(Math.floor(point.x), Math.floor(point.y));
    }
  }

  status() {
    if (!this.active) return;
    const { viewer } = this.app;
    if (!this.image || !viewer.image) {
      this.app.status("");
      return;
    }
    const percent = Math.max(1, Math.round(100 * viewer.view.scale));
    this.app.status(`${t("zoom.is", { percent })} · ${t("hint.try")}`);
  }

  // The keys of both steps; own: those of one.
  key(event, own) {
    const step = (by) => {
      const regions = this.decided?.regions ?? [];
      if (!regions.length) return;
      const at = regions.findIndex((region) => region.number === this.region);
      this.#select(regions[(at + by + regions.length) % regions.length].number);
    };
    pressed(event, this.app.viewer, {
      m: () => this.#look("mask"),
      s: () => this.#look("score"),
      h: () => this.#look("picture"),
      n: () => step(1),
      p: () => step(this.region === null ? 0 : -1),
      e: () => find('[data-key="explain"]')?.click(),
      ...own,
    });
  }

  keyup(event) {
    if (event.key === "h") this.#look("mask");
  }

  #look(view) {
    this.view = view;
    this.#toolbar(this.image);
    this.app.viewer.redraw();
  }
}

// What a list says of an image: [text, class].
export function said(image) {
  if (!image.tried) return [t("untried"), ""];
  const { verdict, image_score } = image.tried;
  if (verdict === null) return ["…", ""];
  return [`${t(`verdict.${verdict}`)} · ${score(image_score)}`, KINDS[verdict]];
}

// What is shown of the keys.
export const KEYS = [
  ["PageUp PageDown", "keys.walk"],
  ["N P", "keys.regions"],
  ["E", "keys.explain"],
  ["M S", "keys.views"],
  ["H", "keys.hide-mask"],
];

function line(context, points) {
  const path = new Path2D();
  points.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
  for (const [width, color] of [[4, "black"], [2, "rgb(0, 229, 255)"]]) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke(path);
  }
}
