// The decision: threshold, outline, least region and band for review, by sliders, the threshold as a number, too.
//
// Scores crowd near 0 and near 1, so what a slider moves evenly is log10(s / (1 - s)): from 0.0001 to 0.9999999.

import { h } from "./dom.js";
import { current, number, score, t } from "./texts.js";

const MOST_AREA = 5; // powers of ten
const LOWEST = -4;
const HIGHEST = 7;
const BAND = 0.3; // from the threshold to an end of a new band, as sliders move

export class DecisionForm {
  // changed(said, rests): a slider moves, or rests.
  constructor(changed) {
    this.changed = changed;
    this.said = { threshold: 0.5, min_area: 9, min_length: 0, unit: "px", review: null, low_threshold: null };
    this.low = null; // where the outline is to end, also while the threshold is below it
    this.moving = false;
    this.threshold = this.#slider("threshold", LOWEST, HIGHEST);
    this.outline = this.#slider("outline", LOWEST, HIGHEST);
    this.area = this.#slider("area", 0, MOST_AREA);
    this.from = this.#slider("from", LOWEST, HIGHEST);
    this.to = this.#slider("to", LOWEST, HIGHEST);
    this.band = h("input", { type: "checkbox", id: "band" });
    this.band.addEventListener("change", () => {
      const { threshold } = this.said;
      const [low, high] = [-BAND, BAND].map((by) => there(place(threshold) + by));
      this.#rest({ review: this.band.checked ? [Math.min(low, threshold), Math.max(high, threshold)] : null });
    });
    this.exact = h("input", { type: "number", min: 0, max: 1, step: "any", id: "exact" });
    this.exact.addEventListener("change", () => {
      const threshold = Number(this.exact.value);
      if (this.exact.value !== "" && threshold >= 0 && threshold <= 1) this.#rest(this.#moved(threshold));
      else this.#fill();
    });
    this.outputs = { outline: h("output"), area: h("output"), from: h("output"), to: h("output") };
  }

  // The same element each time: a slider keeps the focus (`renew`), which one in a new element would have lost.
  element() {
    if (this.language !== current()) this.built = this.#build();
    this.language = current();
    this.#fill();
    return this.built;
  }

  #build() {
    const row = (name, input) =>
      h("p", { class: "row" }, h("label", {}, t(`decision.${name}`), input), this.outputs[name]);
    this.exact.setAttribute("aria-label", t("decision.exact"));
    this.bandRows = h("div", { class: "stack" }, row("from", this.from), row("to", this.to));
    return h(
      "section",
      { class: "box", "aria-label": t("decision") },
      h("h3", {}, t("decision")),
      h("p", { class: "row" }, h("label", {}, t("decision.threshold"), this.threshold), this.exact),
      row("outline", this.outline),
      row("area", this.area),
      h("p", { class: "row" }, h("label", {}, this.band, t("decision.band"))),
      this.bandRows,
    );
  }

  become(said) {
    if (this.moving || document.activeElement === this.exact) return;
    this.said = said;
    this.low = said.low_threshold;
    this.#place();
    this.#fill();
  }

  #slider(name, min, max) {
    const input = h("input", { type: "range", min, max, step: 0.01, id: name });
    input.addEventListener("input", () => {
      this.moving = true;
      this.#read(name);
      this.changed(this.said, false);
    });
    input.addEventListener("change", () => {
      this.moving = false; // what it says was read when it moved
      this.changed(this.said, true);
    });
    return input;
  }

  #rest(change) {
    this.said = { ...this.said, ...change };
    this.#place();
    this.#fill();
    this.changed(this.said, true);
  }

  // What the slider that moved says; what the others stand for stays to the last digit.
  #read(moved) {
    if (moved === "threshold") this.said = { ...this.said, ...this.#moved(there(this.threshold.value)) };
    else if (moved === "outline") {
      const low = there(this.outline.value);
      this.low = low < this.said.threshold ? low : null;
      this.said = { ...this.said, low_threshold: this.low };
    } else if (moved === "area") this.said = { ...this.said, min_area: this.#area() };
    else {
      const { threshold, review } = this.said;
      const [low, high] = review;
      const end = there(this[moved].value);
      this.said = { ...this.said, review: moved === "from" ? [Math.min(end, threshold), high] : [low, Math.max(end, threshold)] };
    }
    this.#place(this[moved].matches(":active") ? moved : null);
    this.#fill();
  }

  // The least region where its slider stands; a step of a key is a pixel at least.
  #area() {
    const before = this.said.min_area;
    const area = Math.round(10 ** Number(this.area.value) - 1);
    if (area !== before || this.area.matches(":active")) return area;
    const by = Math.sign(Number(this.area.value) - powers(before));
    return Math.max(0, before + by);
  }

  // Another threshold, the outline where it was, and the band around it as wide as before.
  #moved(threshold) {
    const { review } = this.said;
    const low_threshold = this.low !== null && this.low < threshold ? this.low : null;
    if (!review) return { threshold, low_threshold };
    const by = place(threshold) - place(this.said.threshold);
    const [low, high] = review.map((end) => there(place(end) + by));
    return { threshold, low_threshold, review: [Math.min(low, threshold), Math.max(high, threshold)] };
  }

  // Have the sliders where the numbers are; not the one that a pointer moves.
  #place(moved = null) {
    const { threshold, low_threshold, min_area, review } = this.said;
    const at = { threshold: place(threshold), outline: place(low_threshold ?? threshold), area: powers(min_area) };
    if (review) [at.from, at.to] = review.map(place);
    for (const [name, value] of Object.entries(at)) if (name !== moved) this[name].value = value;
    this.band.checked = review !== null;
  }

  #fill() {
    const { threshold, low_threshold, min_area, unit, review } = this.said;
    this.exact.value = threshold;
    this.threshold.setAttribute("aria-valuetext", score(threshold));
    this.outputs.outline.textContent = low_threshold === null ? t("decision.outline.none") : score(low_threshold);
    this.outputs.area.textContent = `${number(min_area)} ${unit === "mm" ? "mm²" : "px"}`;
    if (this.bandRows) this.bandRows.hidden = !review;
    if (review) [this.outputs.from.textContent, this.outputs.to.textContent] = review.map(score);
  }
}

const powers = (area) => Math.log10(area + 1);

// Where a slider stands for a score, and the score where it stands: with as few digits as tell it from its neighbours.
function place(value) {
  if (value <= 0) return LOWEST;
  if (value >= 1) return HIGHEST;
  return Math.min(HIGHEST, Math.max(LOWEST, Math.log10(value / (1 - value))));
}

function there(at) {
  const value = 1 / (1 + 10 ** -Math.min(HIGHEST, Math.max(LOWEST, Number(at))));
  const digits = Math.min(7, Math.ceil(-Math.log10(Math.min(value, 1 - value))) + 2);
  return Number(value.toFixed(digits));
}

// The same for an address.
export function asked(said) {
  const [low, high] = said.review ?? [null, null];
  return { threshold: said.threshold, low_threshold: said.low_threshold, min_area: said.min_area, min_length: said.min_length, low, high };
}
