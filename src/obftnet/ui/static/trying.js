// The second step: the guidance fitted, images that it is tried on, and what a new fit changes.

import { ask, send } from "./api.js";
import { find, h, renew } from "./dom.js";
import { ended, underWay } from "./job.js";
import { drop, group } from "./lists.js";
import { number, score, t } from "./texts.js";
import { told } from "./told.js";
import { said } from "./tried.js";
import { TriedStep } from "./tried-step.js";

export class Trying extends TriedStep {
  constructor(app) {
    super(app, "try");
  }

  images() {
    return this.app.state.images.filter((image) => image.role === "query");
  }

  async added(name) {
    this.choose(name);
    if (this.app.state.fit.state === "current" && !this.app.state.fit.job) {
      await this.app.attempt(() => send("POST", "fit/try"));
    }
  }

  render() {
    const { app } = this;
    const images = this.images();
    if (!this.image) this.chosen = images[0]?.name ?? null;
    const choose = (name) => (images.some((one) => one.name === name) ? this.choose(name) : this.added(name));
    renew(find("#list"), group(app, "query", images, this.chosen, said, choose));
    renew(find("#empty"), images.length ? [] : drop(app, "query", choose));
    this.tried.show();
    this.#panel();
  }

  next() {
    const { app } = this;
    const { fit } = app.state;
    const button = (text, path, key = "next") =>
      h("button", { class: "main", onclick: () => app.attempt(() => send("POST", path)), dataset: { key } }, t(text));
    if (fit.job) return underWay(app, fit.job);
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
      const lacks = app.steps[0].lacks();
      return [t("next.guide"), lacks ? lacks[0] : null, h("button", { class: "main", onclick: () => app.go("guidance"), dataset: { key: "next" } }, t("step.guidance"))];
    }
    if (fit.state === "none") return [t("next.fit"), button("fit", "fit")];
    if (fit.state === "stale") return [t("next.refit"), button("refit", "fit")];
    const images = this.images();
    if (!images.length) return [t("next.query"), null];
    const untried = images.filter((image) => !image.tried).length;
    if (untried) return [t("next.untried", { count: untried }), button("try", "fit/try")];
    return [t("next.judge"), h("button", { class: "main", onclick: () => app.go("calibrate"), dataset: { key: "next" } }, t("to.calibrate"))];
  }

  #panel() {
    const { image, tried } = this;
    const { fit, settings } = this.app.state;
    renew(
      find("#panel"),
      h("section", { class: "next", "aria-label": t("next") }, h("h3", {}, t("next")), this.next().map((one, at) => (typeof one === "string" ? h("p", { id: at ? null : "next" }, one) : one))),
      ended(fit.ended),
      fit.proposed && !fit.job ? this.#comparison() : null,
      tried.panel(),
      image ? tried.about(["false-alarm", "missed"]) : null,
      image ? tried.levels.element(image) : null,
      fit.job ? null : this.#settings(settings),
    );
    tried.filled();
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
              "aria-pressed": String(this.tried.proposed === proposed),
              dataset: { key: `shown-${proposed}` },
              onclick: () => {
                this.tried.proposed = proposed;
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
      const cell = (decided) => (decided ? `${t(`verdict.${decided.verdict}`)} ${score(decided.image_score)}` : "–");
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
    const deep = settings.bits !== null || app.state.images.some((image) => image.bits === 16);
    return h(
      "details",
      { class: "box", open: this.settingsOpen, ontoggle: (event) => (this.settingsOpen = event.target.open) },
      h("summary", {}, t("settings")),
      h("p", { class: "row" }, h("label", {}, t("settings.tile"), this.#tiles(settings.tile, (tile) => store({ tile })))),
      h("p", { class: "soft" }, app.state.fit.plan ? told(app.state.fit.plan) : t("settings.tile.why")),
      app.state.fit.state === "current" && !app.state.fit.proposed
        ? h("p", { class: "row" }, h("button", { onclick: () => app.attempt(() => send("POST", "fit")), dataset: { key: "refit" } }, t("refit")))
        : null,
      field("scale", settings.scale, { min: 0.001, step: "any" }, Number),
      deep ? field("bits", settings.bits, { min: 8, max: 16, step: 1 }, Number) : null,
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
}
