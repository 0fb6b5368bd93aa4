// The first step: images that show the defect, painted, and good ones.

import { named, send, upload } from "./api.js";
import { find, h, renew } from "./dom.js";
import { beside, drop, group } from "./lists.js";
import { Paint } from "./tools.js";
import { t } from "./texts.js";
import { told } from "./told.js";
import { Levels } from "./levels.js";

export class Guidance {
  constructor(app) {
    this.app = app;
    this.id = "guidance";
    this.chosen = null;
    this.paint = new Paint(app, this);
    this.levels = new Levels(app.viewer);
  }

  get busy() {
    return !this.paint.painter.idle;
  }

  get image() {
    return this.images().find((image) => image.name === this.chosen) ?? null;
  }

  images() {
    return this.app.state.images.filter((image) => image.role === "defect" || image.role === "good");
  }

  enter() {
    find("#canvas").setAttribute("aria-describedby", "status");
  }

  leave() {
    this.paint.become(null);
  }

  choose(name) {
    this.chosen = name;
    this.render();
  }

  // To the image that is to be painted next, or the one after this.
  walk(by) {
    const name = beside(this.images(), this.chosen, by);
    if (name) this.choose(name);
  }

  render() {
    const { app } = this;
    const images = this.images();
    if (!this.image) this.chosen = (this.#unpainted()[0] ?? images[0])?.name ?? null;
    const choose = (name) => this.choose(name);
    renew(
      find("#list"),
      ["defect", "good"].map((role) =>
        group(app, role, images.filter((image) => image.role === role), this.chosen, (image) => this.#said(image), choose),
      ),
    );
    const missing = this.#missing();
    renew(find("#empty"), this.image ? [] : missing.map((role) => drop(app, role, choose)));
    const { image } = this;
    app.viewer.show(image, image ? [{ url: this.levels.tiles(image) }, this.paint.painted.layer()] : []);
    this.levels.become(image);
    this.paint.become(image);
    this.#panel(image, missing);
  }

  #unpainted() {
    return this.images().filter((image) => image.role === "defect" && !image.marked);
  }

  #said(image) {
    const refused = this.app.state.findings.some((one) => one.image === image.name && one.refused);
    if (refused) return [t("refused"), "bad"];
    if (image.role === "good") return [image.ignored ? t("ignored", { count: image.ignored }) : t("size", image), ""];
    return image.marked ? [t("marked", { count: image.marked }), ""] : [t("unpainted"), "bad"];
  }

  #missing() {
    return ["defect", "good"].filter((role) => !this.images().some((image) => image.role === role));
  }

  // What the guidance lacks: a text, and the button that helps; null where it is complete.
  lacks() {
    const { app } = this;
    const missing = this.#missing();
    const choose = (name) => this.choose(name);
    if (missing.length) {
      const role = missing[0];
      const go = async () => {
        const [name] = await app.pick(role);
        if (name) choose(name);
      };
      return [t(`next.add.${role}`), h("button", { class: "main", onclick: go, dataset: { key: "next" } }, t(`add.${role}`))];
    }
    const [image] = this.#unpainted();
    if (image) {
      const here = app.step === this && image.name === this.chosen;
      const go = () => this.choose(image.name);
      const button = h("button", { class: "main", onclick: go, dataset: { key: "next" } }, t("next.open"));
      return [t(here ? "next.paint-here" : "next.paint", image), here ? null : button];
    }
    return app.state.findings.some((one) => one.refused) ? [t("next.mend"), null] : null;
  }

  // What is to be done now.
  next() {
    const { app } = this;
    const lacks = this.lacks();
    if (lacks) return lacks;
    const { fit } = app.state;
    const to = h("button", { class: "main", onclick: () => app.go("try"), dataset: { key: "next" } }, t("to.try"));
    if (app.state.findings.length) return [t("next.doubted"), to];
    return [t(fit.state === "stale" ? "next.changed" : "next.guided"), to];
  }

  #panel(image, missing) {
    const [text, button] = this.next();
    renew(
      find("#panel"),
      h("section", { class: "next", "aria-label": t("next") }, h("h3", {}, t("next")), h("p", { id: "next" }, text), button),
      image ? this.#about(image) : null,
      this.#findings(image, missing),
      image ? this.levels.element(image) : null,
    );
  }

  #about(image) {
    const { app } = this;
    const role = image.role === "defect" ? "good" : "defect";
    const move = () => app.attempt(() => send("PUT", named(image.name, "role"), undefined, { role }));
    const remove = async () => {
      if (await app.confirm(t("remove.sure", image), t("remove"))) {
        await app.attempt(() => send("DELETE", `images/${encodeURIComponent(image.name)}`));
      }
    };
    return h(
      "section",
      { class: "box" },
      h("h2", {}, image.name),
      h("p", { class: "soft" }, `${t("size", image)} · ${t("bits", image)} · ${t(`is.${image.role}`)}`),
      h(
        "p",
        { class: "row" },
        h("button", { onclick: move, dataset: { key: "move" } }, t(`use.${role}`)),
        h("button", { onclick: remove, class: "danger", dataset: { key: "remove" } }, t("remove")),
      ),
      image.role === "defect" ? h("p", { class: "row" }, this.#maskButton(image)) : null,
    );
  }

  #maskButton(image) {
    const input = h("input", { type: "file", hidden: true, id: "mask-file", accept: ".png,.bmp,.tif,.tiff" });
    input.addEventListener("change", () =>
      this.app.attempt(() => upload(named(image.name, "mask"), input.files[0], { revision: this.paint.painter.revision })),
    );
    return [input, h("button", { onclick: () => input.click(), dataset: { key: "mask" } }, t("import-mask"))];
  }

  #findings(image, missing) {
    const { findings, checking } = this.app.state;
    const here = findings.filter((one) => image && one.image === image.name);
    const elsewhere = findings.filter((one) => !here.includes(one));
    const list = (some) =>
      h("ul", { class: "findings" }, some.map((one) => h("li", { class: one.refused ? "refused" : null }, told(one.text))));
    const nothing = !findings.length && !missing.length && !this.#unpainted().length;
    return h(
      "section",
      { class: "box", "aria-label": t("check") },
      h("h3", {}, checking ? t("checking") : t("check")),
      here.length ? list(here) : null,
      elsewhere.length ? [h("p", { class: "soft" }, t("check.others")), list(elsewhere)] : null,
      nothing && !checking ? h("p", { class: "good" }, t("check.nothing")) : null,
    );
  }

  key(event) {
    if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      this.walk(event.key === "PageDown" ? 1 : -1);
      return;
    }
    this.paint.key(event);
  }

  keyup(event) {
    this.paint.keyup(event);
  }

  keys() {
    return this.paint.keys();
  }
}
