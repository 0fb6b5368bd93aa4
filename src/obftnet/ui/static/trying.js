// The second step: the guidance fitted, images that it is tried on, and what a decision makes of them.

import { address, ask, named, send } from "./api.js";
import { DecisionForm, asked } from "./decision.js";
import { find, h, renew } from "./dom.js";
import { LOOK, pressed } from "./keys.js";
import { Levels } from "./levels.js";
import { drop, group } from "./lists.js";
import { Preview } from "./preview.js";
import { number, t } from "./texts.js";

export class Trying {
  constructor(app) {
    this.app = app;
    this.id = "try";
    this.chosen = null;
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
    return this.app.step === this;
  }

  get image() {
    return this.images().find((image) => image.name === this.chosen) ?? null;
  }

  images() {
    return this.app.state.images.filter((image) => image.role === "query");
  }

  enter() {
    this.app.viewer.onview = () => this.#status();
    find("#canvas").className = "pans";
    renew(find("#zoom"), this.app.zoomButtons());
  }

  leave() {
    this.current = null;
    this.region = null;
  }

  choose(name) {
    if (name !== this.chosen) this.region = this.asked = null;
    this.chosen = name;
    this.render();
  }

  async added(name) {
    this.choose(name);
    if (this.app.state.fit.state === "current" && !this.app.state.fit.job) {
      await this.app.attempt(() => send("POST", "fit/try"));
    }
  }

  render() {
    const { app } = this;
    const { fit } = app.state;
    const images = this.images();
    if (!this.image) this.chosen = images[0]?.name ?? null;
    if (!fit.proposed) this.proposed = false;
    this.form.become(app.state.settings.decision);
    const choose = (name) => this.added(name);
    renew(
      find("#list"),
      group(app, "query", images, this.chosen, (image) => this.#said(image), (name) =>
        images.some((one) => one.name === name) ? this.choose(name) : choose(name),
      ),
    );
    renew(find("#empty"), images.length ? [] : drop(app, "query", choose));
    const { image } = this;
    app.viewer.show(image, image ? this.#layers(image) : []);
    this.levels.become(image);
    this.#toolbar(image);
    this.#panel(image);
    this.#load(image);
    this.#status();
  }

  #said(image) {
    if (!image.tried) return [t("untried"), ""];
    const { verdict, image_score } = image.tried;
    return [`${t(`verdict.${verdict}`)} · ${number(image_score, 2)}`, { pass: "good", fail: "bad", review: "doubt" }[verdict]];
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
      this.preview.mark(said.threshold, said.min_area);
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
                      this.render();
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

  next() {
    const { app } = this;
    const { fit } = app.state;
    const button = (text, path, key = "next") =>
      h("button", { class: "main", onclick: () => app.attempt(() => send("POST", path)), dataset: { key } }, t(text));
    if (fit.job) {
      const [done, all, name] = fit.job.progress ?? [0, 1, ""];
      return [
        t(`doing.${fit.job.kind}`, { done: Math.min(done + 1, all), all, name }),
        h("progress", { max: all, value: fit.job.kind === "fit" ? null : done }),
        h("button", { onclick: () => app.attempt(() => send("POST", "fit/stop")), dataset: { key: "stop" } }, t("stop")),
      ];
    }
    if (fit.proposed) {
      return [
        t("next.accept"),
        h(
          "p",
          { class: "row" },
          button("accept", "fit/accept", "accept"),
          h("button", { onclick: () => app.attempt(() => send("POST", "fit/reject")), dataset: { key: "reject" } }, t("reject")),
        ),
      ];
    }
    if (!fit.ready) {
      return [t("next.guide"), h("button", { class: "main", onclick: () => app.go("guidance"), dataset: { key: "next" } }, t("step.guidance"))];
    }
    if (fit.state === "none") return [t("next.fit"), button("fit", "fit")];
    if (fit.state === "stale") return [t("next.refit"), button("refit", "fit")];
    const images = this.images();
    if (!images.length) return [t("next.query"), null];
    const untried = images.filter((image) => !image.tried).length;
    if (untried) return [t("next.untried", { count: untried }), button("try", "fit/try")];
    return [t("next.judge"), h("button", { onclick: () => app.go("run"), dataset: { key: "next" } }, t("to.run"))];
  }

  #panel(image) {
    const { fit, settings } = this.app.state;
    renew(
      find("#panel"),
      h("section", { class: "next", "aria-label": t("next") }, h("h3", {}, t("next")), this.next().map((one) => (typeof one === "string" ? h("p", { id: "next" }, one) : one))),
      this.#ended(fit.ended),
      fit.proposed && !fit.job ? this.#comparison() : null,
      image?.tried ? this.form.element() : null,
      h("div", { id: "results", class: "stack" }),
      image ? this.#about(image) : null,
      image ? this.levels.element(image) : null,
      fit.job ? null : this.#settings(settings),
    );
    if (image?.tried) this.#results(image);
  }

  #ended(ended) {
    if (!ended) return null;
    const lines = [...ended.told, ...ended.refused];
    if (ended.error) lines.unshift(ended.error);
    if (ended.state === "failed") lines.unshift(t("failed"));
    if (!lines.length) return null;
    return h("ul", { class: "findings" }, lines.map((text) => h("li", { class: ended.state === "done" ? null : "refused" }, text)));
  }

  #results(image) {
    const place = find("#results");
    if (!place || !this.decided) return;
    const { verdict, image_score, area, count, regions } = this.decided;
    const kind = { pass: "good", fail: "bad", review: "doubt" }[verdict];
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
        h("td", {}, number(region.largest_score, 2)),
      );
    renew(
      place,
      h(
        "section",
        { class: "box", "aria-label": t("result") },
        h("p", { class: `verdict ${kind}`, id: "verdict" }, `${t(`verdict.${verdict}`)} · ${t("image-score", { score: number(image_score, 2) })}`),
        h("p", { class: "soft" }, t(count === 1 ? "marked-share.one" : "marked-share", { count, share: number(100 * area, 2) })),
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
        words.map((line) => h("p", {}, line)),
        h("button", { onclick: () => dialog.close(), autofocus: true }, t("close")),
      );
      dialog.classList.add("large");
      dialog.onclose = () => dialog.classList.remove("large");
      dialog.showModal();
    } catch (error) {
      if (error.status) app.refused(error.message);
      else app.lost(true);
    }
    this.#status();
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

  #about(image) {
    const { app } = this;
    const idle = !app.state.fit.job;
    const move = async (what) => {
      const done = await app.attempt(() => send("POST", `tried/${encodeURIComponent(image.name)}/${what}`));
      if (done && what === "missed") {
        app.steps[0].chosen = image.name;
        app.go("guidance");
      }
    };
    const remove = async () => {
      if (await app.confirm(t("remove.sure", image), t("remove"))) {
        await app.attempt(() => send("DELETE", `images/${encodeURIComponent(image.name)}`));
      }
    };
    return h(
      "section",
      { class: "box" },
      h("h2", {}, image.name),
      h("div", { id: "explain" }, image.tried ? (this.#explainButton() ?? "") : ""),
      image.tried && idle && !app.state.fit.proposed
        ? h(
            "p",
            { class: "row" },
            h("button", { onclick: () => move("false-alarm"), title: t("false-alarm.why"), dataset: { key: "false-alarm" } }, t("false-alarm")),
            h("button", { onclick: () => move("missed"), title: t("missed.why"), dataset: { key: "missed" } }, t("missed")),
          )
        : null,
      h("p", { class: "row" }, h("button", { class: "danger", onclick: remove, disabled: !idle, dataset: { key: "remove" } }, t("remove"))),
    );
  }

  // Every image before and after the new fit.
  #comparison() {
    const place = h("div", { id: "comparison" }, this.rows ?? h("p", { class: "soft" }, t("comparing")));
    this.#compare();
    return h(
      "section",
      { class: "box", "aria-label": t("comparison") },
      h("h3", {}, t("comparison")),
      h(
        "p",
        { class: "row" },
        [false, true].map((proposed) =>
          h(
            "button",
            {
              "aria-pressed": String(this.proposed === proposed),
              dataset: { key: `shown-${proposed}` },
              onclick: () => {
                this.proposed = proposed;
                this.render();
              },
            },
            t(proposed ? "shown.after" : "shown.before"),
          ),
        ),
      ),
      place,
    );
  }

  async #compare() {
    if (this.comparing) return;
    this.comparing = true;
    try {
      const rows = await ask("fit/comparison");
      const cell = (decided) => (decided ? `${t(`verdict.${decided.verdict}`)} ${number(decided.image_score, 2)}` : "–");
      this.rows = h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ["image", "before", "after", "changed"].map((one) => h("th", { scope: "col" }, t(`comparison.${one}`))))),
        h(
          "tbody",
          {},
          rows.map((row) =>
            h(
              "tr",
              { tabindex: 0, onclick: () => this.choose(row.name), onkeydown: (event) => event.key === "Enter" && this.choose(row.name), dataset: { key: `row-${row.name}` } },
              h("td", {}, row.name),
              h("td", {}, cell(row.before)),
              h("td", {}, cell(row.after)),
              h("td", {}, row.changed === null ? "–" : `${number(100 * row.changed, 1)} %`),
            ),
          ),
        ),
      );
      const place = find("#comparison");
      if (place) renew(place, this.rows);
    } catch (error) {
      if (error.status) this.app.refused(error.message);
    }
    this.comparing = false;
  }

  // How images are looked at: changing it wants a new fit.
  #settings(settings) {
    const { app } = this;
    const store = (change) => app.attempt(() => send("PUT", "settings", { ...settings, ...change }));
    const field = (name, value, attributes, read) =>
      h(
        "p",
        { class: "row" },
        h("label", {}, t(`settings.${name}`), h("input", { type: "number", value: value ?? "", placeholder: t(`settings.${name}.none`), dataset: { key: name }, onchange: (event) => store({ [name]: event.target.value === "" ? null : read(event.target.value) }), ...attributes })),
      );
    return h(
      "details",
      { class: "box", open: this.settingsOpen, ontoggle: (event) => (this.settingsOpen = event.target.open) },
      h("summary", {}, t("settings")),
      h("p", { class: "row" }, h("label", {}, t("settings.tile"), this.#tiles(settings.tile, (tile) => store({ tile })))),
      h("p", { class: "soft" }, app.state.fit.plan ?? t("settings.tile.why")),
      app.state.fit.state === "current" && !app.state.fit.proposed
        ? h("p", { class: "row" }, h("button", { onclick: () => app.attempt(() => send("POST", "fit")), dataset: { key: "refit" } }, t("refit")))
        : null,
      field("scale", settings.scale, { min: 0.001, step: "any" }, Number),
    );
  }

  #tiles(tile, store) {
    const sides = [256, 384, 512, 768, 1024, 1536, 2048];
    const values = ["auto", null, ...new Set([...sides, ...(typeof tile === "number" ? [tile] : [])].sort((a, b) => a - b))];
    const shown = (value) => (typeof value === "number" ? t("settings.tile.of", { side: value }) : t(`settings.tile.${value ?? "none"}`));
    const select = h(
      "select",
      { dataset: { key: "tile" }, onchange: (event) => store(values[event.target.selectedIndex]) },
      values.map((value) => h("option", {}, shown(value))),
    );
    select.selectedIndex = values.indexOf(tile);
    return select;
  }

  #status() {
    if (!this.active) return;
    const { viewer } = this.app;
    if (!this.image || !viewer.image) {
      this.app.status("");
      return;
    }
    const percent = Math.max(1, Math.round(100 * viewer.view.scale));
    this.app.status(`${t("zoom.is", { percent })} · ${t("hint.try")}`);
  }

  walk(by) {
    const images = this.images();
    if (!images.length) return;
    const at = images.findIndex((image) => image.name === this.chosen);
    this.choose(images[(at + by + images.length) % images.length].name);
  }

  key(event) {
    const step = (by) => {
      const regions = this.decided?.regions ?? [];
      if (!regions.length) return;
      const at = regions.findIndex((region) => region.number === this.region);
      this.#select(regions[(at + by + regions.length) % regions.length].number);
    };
    pressed(event, this.app.viewer, {
      PageDown: () => this.walk(1),
      PageUp: () => this.walk(-1),
      m: () => this.#look("mask"),
      s: () => this.#look("score"),
      h: () => this.#look("picture"),
      n: () => step(1),
      p: () => step(this.region === null ? 0 : -1),
      e: () => find('[data-key="explain"]')?.click(),
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

  keys() {
    return [
      [
        "step.try",
        [
          ["PageUp PageDown", "keys.walk"],
          ["N P", "keys.regions"],
          ["E", "keys.explain"],
          ["M S", "keys.views"],
          ["H", "keys.hide-mask"],
        ],
      ],
      LOOK,
    ];
  }
}

function line(context, points) {
  const path = new Path2D();
  points.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
  for (const [width, color] of [[4, "black"], [2, "rgb(0, 229, 255)"]]) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke(path);
  }
}
