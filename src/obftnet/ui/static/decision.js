// The sliders of the decision: threshold, least region, band for review.

import { h } from "./dom.js";
import { number, t } from "./texts.js";

const MOST_AREA = 5; // powers of ten

export class DecisionForm {
  // changed(said, rests): a slider moves, or rests.
  constructor(changed) {
    this.changed = changed;
    this.said = { threshold: 0.5, min_area: 9, min_length: 0, unit: "px", review: null };
    this.moving = false;
    this.threshold = this.#slider("threshold", 0.01, 0.99, 0.01);
    this.area = this.#slider("area", 0, MOST_AREA, 0.01);
    this.low = this.#slider("low", 0.01, 0.99, 0.01);
    this.high = this.#slider("high", 0.01, 0.99, 0.01);
    this.band = h("input", { type: "checkbox", id: "band" });
    this.band.addEventListener("change", () => {
      const { threshold } = this.said;
      const review = this.band.checked ? [Math.max(0.01, threshold - 0.15), Math.min(0.99, threshold + 0.15)] : null;
      this.become({ ...this.said, review });
      this.changed(this.said, true);
    });
    this.outputs = { threshold: h("output"), area: h("output"), low: h("output"), high: h("output") };
  }

  element() {
    const row = (name, input) =>
      h("p", { class: "row" }, h("label", {}, t(`decision.${name}`), input), this.outputs[name]);
    this.bandRows = h("div", { class: "stack" }, row("low", this.low), row("high", this.high));
    const element = h(
      "section",
      { class: "box", "aria-label": t("decision") },
      h("h3", {}, t("decision")),
      row("threshold", this.threshold),
      row("area", this.area),
      h("p", { class: "row" }, h("label", {}, this.band, t("decision.band"))),
      this.bandRows,
    );
    this.#fill();
    return element;
  }

  become(said) {
    if (this.moving) return;
    this.said = said;
    this.threshold.value = said.threshold;
    this.area.value = said.min_area > 0 ? Math.log10(said.min_area + 1) : 0;
    this.band.checked = said.review !== null;
    if (said.review) [this.low.value, this.high.value] = said.review;
    this.#fill();
  }

  #slider(name, min, max, step) {
    const input = h("input", { type: "range", min, max, step, id: name });
    input.addEventListener("input", () => {
      this.moving = true;
      this.#read(name);
      this.changed(this.said, false);
    });
    input.addEventListener("change", () => {
      this.moving = false;
      this.#read(name);
      this.changed(this.said, true);
    });
    return input;
  }

  // What the sliders say; the threshold stays within the band.
  #read(moved) {
    const threshold = Number(this.threshold.value);
    let review = null;
    if (this.band.checked) {
      let [low, high] = [Number(this.low.value), Number(this.high.value)];
      if (moved === "low" || moved === "high") {
        low = Math.min(low, threshold);
        high = Math.max(high, threshold);
      } else {
        const [before, after] = this.said.review;
        low = Math.max(0.01, Math.min(threshold, round(before + threshold - this.said.threshold)));
        high = Math.min(0.99, Math.max(threshold, round(after + threshold - this.said.threshold)));
      }
      review = [round(low), round(high)];
      [this.low.value, this.high.value] = review;
    }
    const min_area = Math.round(10 ** Number(this.area.value) - 1);
    this.said = { ...this.said, threshold, min_area, review };
    this.#fill();
  }

  #fill() {
    const { threshold, min_area, review } = this.said;
    this.outputs.threshold.textContent = number(threshold, 2);
    this.outputs.area.textContent = `${number(min_area)} px`;
    if (this.bandRows) this.bandRows.hidden = !review;
    if (review) {
      this.outputs.low.textContent = number(review[0], 2);
      this.outputs.high.textContent = number(review[1], 2);
    }
  }
}

const round = (value) => Math.round(value * 100) / 100;

// The same for an address.
export function asked(said) {
  const [low, high] = said.review ?? [null, null];
  return { threshold: said.threshold, min_area: said.min_area, min_length: said.min_length, low, high };
}
