// Which samples are shown as black and as white: level and width, of 16 bits found by itself.

import { address, ask, named } from "./api.js";
import { h } from "./dom.js";
import { number, t } from "./texts.js";

export class Levels {
  constructor(viewer) {
    this.viewer = viewer;
    this.image = null;
    this.windows = new Map(); // by image: {low, high} that is shown, or null for all samples
    this.found = new Map(); // by image: {low, high, white} that the server found
  }

  // The addresses of an image's tiles.
  tiles(image) {
    return (level, row, column) => {
      const { low, high } = this.windows.get(image.name) ?? {};
      return address(named(image.name, `tile/${level}/${row}/${column}`), { v: image.version, low, high });
    };
  }

  async become(image) {
    this.image = image;
    if (!image || image.bits <= 8 || this.found.has(image.name)) return;
    await this.automatic(image);
  }

  async automatic(image) {
    if (!this.found.has(image.name)) this.found.set(image.name, await ask(named(image.name, "window")));
    const { low, high } = this.found.get(image.name);
    this.#show(image, { low, high });
  }

  #show(image, window) {
    this.windows.set(image.name, window);
    this.viewer.redraw();
    this.#fill();
  }

  element(image) {
    this.level = h("input", { type: "range", min: 0, max: 1, step: "any", id: "level" });
    this.width = h("input", { type: "range", min: 0.001, max: 1, step: "any", id: "width" });
    this.said = h("p", { class: "soft" });
    const change = () => {
      const white = this.#white(image);
      const [middle, width] = [Number(this.level.value) * white, Number(this.width.value) * white];
      this.windows.set(image.name, { low: middle - width / 2, high: middle + width / 2 });
      this.viewer.redraw();
      this.#fill();
    };
    this.level.addEventListener("input", change);
    this.width.addEventListener("input", change);
    const element = h(
      "section",
      { class: "box" },
      h("h3", {}, t("window")),
      h("p", { class: "row" }, h("label", {}, t("window.level"), this.level)),
      h("p", { class: "row" }, h("label", {}, t("window.width"), this.width)),
      h(
        "p",
        { class: "row" },
        h("button", { onclick: () => this.automatic(image), dataset: { key: "automatic" } }, t("window.automatic")),
        h("button", { onclick: () => this.#show(image, null), dataset: { key: "all" } }, t("window.all")),
      ),
      this.said,
    );
    this.#fill();
    return element;
  }

  #white(image) {
    return this.found.get(image.name)?.white ?? 2 ** Math.min(16, image.bits) - 1;
  }

  #fill() {
    if (!this.image || !this.level) return;
    const white = this.#white(this.image);
    const { low, high } = this.windows.get(this.image.name) ?? { low: 0, high: white };
    this.level.value = (low + high) / 2 / white;
    this.width.value = (high - low) / white;
    this.said.textContent = `${number(low)} – ${number(high)}`;
  }
}
