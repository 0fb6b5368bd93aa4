// The third step: at most so many of the good parts marked, by good images that the guidance never saw.

import { send } from "./api.js";
import { find, h, renew } from "./dom.js";
import { ended, underWay } from "./job.js";
import { drop, group } from "./lists.js";
import { has, number, percent, score, t } from "./texts.js";
import { said } from "./tried.js";
import { TriedStep } from "./tried-step.js";

const ROLES = ["held_good", "held_defect"];

export class Calibrating extends TriedStep {
  constructor(app) {
    super(app, "calibrate");
  }

  // The good ones as they would fail, the likeliest first.
  images() {
    const { images } = this.app.state;
    const value = (image) => image.tried?.image_score ?? -1;
    return ROLES.flatMap((role) => images.filter((image) => image.role === role).sort((a, b) => value(b) - value(a)));
  }

  choose(name) {
    super.choose(name);
    find('#list [aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  render() {
    const { app } = this;
    const images = this.images();
    if (!this.image) this.chosen = images[0]?.name ?? null;
    const choose = (name) => this.choose(name);
    renew(
      find("#list"),
      ROLES.map((role) => group(app, role, images.filter((image) => image.role === role), this.chosen, said, choose)),
    );
    renew(find("#empty"), images.length ? [] : ROLES.map((role) => drop(app, role, choose)));
    this.tried.show();
    this.#panel();
  }

  #panel() {
    const { app, image, tried } = this;
    const { fit, calibration } = app.state;
    renew(
      find("#panel"),
      h("section", { class: "next", "aria-label": t("next") }, h("h3", {}, t("next")), this.next()),
      ended(fit.ended),
      fit.job || fit.state === "none" ? null : this.#asked(),
      calibration.found ? this.#found(calibration) : null,
      tried.panel(),
      image ? tried.about([image.role === "held_good" ? "false-alarm" : "missed"]) : null,
      image ? tried.levels.element(image) : null,
    );
    tried.filled();
  }

  // What is to be done now.
  next() {
    const { app } = this;
    const { fit, calibration, settings } = app.state;
    const says = (text, values) => h("p", { id: "next" }, t(text, values));
    const go = (step, main = true) =>
      h("button", { class: main ? "main" : "", onclick: () => app.go(step), dataset: { key: `to-${step}` } }, t(`to.${step}`));
    if (fit.job) return underWay(app, fit.job);
    if (fit.state === "none") return [says("run.fit"), go("try")];
    if (fit.proposed) return [says("run.accept"), go("try")];
    if (fit.state === "stale") return [says("calibrate.stale"), go("try")];
    const { false_alarms: rate } = settings.calibration;
    if (!calibration.images) return [says("calibrate.add", { count: calibration.enough, rate: percent(rate) }), go("run", false)];
    const { found, holds } = calibration;
    if (found && holds && found.asked === rate) {
      const [first] = this.images();
      const look = () => this.choose(first.name);
      if (!(misses(found) && first?.role === "held_good")) return [says("calibrate.done"), go("run")];
      return [
        says("calibrate.misses"),
        h("button", { class: "main", onclick: look, dataset: { key: "next" } }, t("calibrate.look", first)),
        go("run", false),
      ];
    }
    return [
      says("calibrate.begin", { count: calibration.images }),
      h("button", { class: "main", onclick: () => this.#calibrate(), dataset: { key: "calibrate" } }, t("calibrate")),
    ];
  }

  async #calibrate() {
    await this.app.attempt(() => send("POST", "calibration"));
  }

  // The rate that is wanted, by which images, and what so many can promise.
  #asked() {
    const { app } = this;
    const { calibration, settings } = app.state;
    const { false_alarms: rate, folder } = settings.calibration;
    const store = (change) =>
      app.attempt(() => send("PUT", "settings", { ...settings, calibration: { ...settings.calibration, ...change } }));
    const { images, promised, enough } = calibration;
    const enoughOf = images && promised <= rate + 1e-9;
    const promise = !images ? null : t(enoughOf ? "calibrate.can" : "calibrate.cannot", { count: images, rate: percent(rate), promised: percent(promised), enough });
    return h(
      "section",
      { class: "box", "aria-label": t("calibrate.rate") },
      h("h3", {}, t("calibrate.rate")),
      h(
        "p",
        { class: "row" },
        h(
          "label",
          { class: "words" },
          t("calibrate.at-most"),
          h("input", { type: "number", min: 0.01, max: 99, step: "any", id: "rate", value: Number((100 * rate).toPrecision(6)), dataset: { key: "rate" }, onchange: (event) => store({ false_alarms: Number(event.target.value) / 100 }) }),
          t("calibrate.of-good"),
        ),
      ),
      h("label", { for: "good-folder" }, t("calibrate.folder")),
      h("input", { type: "text", id: "good-folder", value: folder ?? "", placeholder: t("run.folder.example"), dataset: { key: "good-folder" }, onchange: (event) => store({ folder: event.target.value.trim() || null }) }),
      promise === null ? null : h("p", { class: enoughOf ? "good" : "doubt", id: "promise" }, promise),
      calibration.found ? h("button", { onclick: () => this.#calibrate(), dataset: { key: "again" } }, t("calibrate.again")) : null,
    );
  }

  // What a calibration found, in words.
  #found({ found, holds, decision }) {
    const { app } = this;
    const values = {
      count: found.images,
      promised: percent(found.promised),
      rate: percent(found.asked),
      most: percent(found.at_most),
      area: number(decision.min_area, Number.isInteger(decision.min_area) ? 0 : 2),
      unit: decision.unit === "mm" ? "mm²" : "px",
      smallest: found.least_region?.smallest ?? 0,
      threshold: score(decision.threshold),
      found: found.found,
      defects: found.defects,
      missed: passing(found),
      supports: found.supports?.scores.length ?? 0,
      times: number(found.supports?.fatness ?? 0, 1),
      enough: found.enough,
    };
    const line = (text, kind) => h("p", { class: kind ?? null }, t(text, values));
    const lines = Array.isArray(found.sentences) ? found.sentences.map((text) => ["", text]) : Object.entries(found.sentences);
    const back = () => app.attempt(() => send("POST", "calibration/return"));
    return h(
      "section",
      { class: "box", "aria-label": t("calibrated"), id: "calibrated" },
      h("h3", {}, t("calibrated")),
      holds ? null : h("p", { class: "doubt" }, t("calibrated.moved")),
      holds ? null : h("button", { onclick: back, dataset: { key: "return" } }, t("calibrated.return", values)),
      line("calibrated.promise", "good"),
      line("calibrated.sure"),
      line("calibrated.by"),
      found.least_region ? line("calibrated.least", "soft") : line("calibrated.own", "soft"),
      found.defects ? line("calibrated.recall", found.found < found.defects ? "bad" : "good") : line("calibrated.no-defects", "soft"),
      lines.length
        ? h("ul", { class: "findings" }, lines.map(([about, text]) => h("li", {}, has(`calibrated.says.${about}`) ? t(`calibrated.says.${about}`, values) : text)))
        : null,
    );
  }
}

// How many of the painted examples would pass, looked at without themselves.
const passing = ({ supports, threshold }) => supports?.scores.filter((one) => one <= threshold).length ?? 0;

const misses = (found) => found.found < found.defects || passing(found) > 0;
