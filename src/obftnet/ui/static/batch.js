// The fourth step: a folder or dropped files are run, and what came out is looked through.

import { Refusal, address, send, upload } from "./api.js";
import { ChosenBatch } from "./chosen.js";
import { find, h, renew } from "./dom.js";
import { LOOK, pressed } from "./keys.js";
import { droppable } from "./lists.js";
import { number, percent, score, t } from "./texts.js";
import { told } from "./told.js";

const VERDICTS = ["fail", "review", "pass"];
const KINDS = { pass: "good", fail: "bad", review: "doubt" };
const MOST = 500; // that are listed at a time

export class Batch {
  constructor(app) {
    this.app = app;
    this.id = "run";
    this.shown = new ChosenBatch(app, () => this.active && app.redraw(() => this.#show()));
    this.filter = null;
    this.chosen = null;
    this.what = "overlay";
  }

  get active() {
    return this.app.step === this;
  }

  get number() {
    return this.shown.number;
  }

  get batch() {
    return this.shown.batch;
  }

  // Those of the filter, the doubtful in the order of their score, the worst first.
  images() {
    const images = this.batch?.images ?? [];
    const shown = this.filter ? images.filter((image) => image.verdict === this.filter) : images;
    return this.filter ? [...shown].sort((a, b) => b.image_score - a.image_score) : shown;
  }

  get image() {
    return this.images().find((image) => image.result === this.chosen) ?? null;
  }

  enter() {
    this.app.viewer.onview = () => this.#status();
    find("#canvas").className = "pans";
  }

  leave() {
    this.shown.forget();
  }

  choose(result) {
    this.chosen = result;
    this.render();
  }

  render() {
    this.shown.refresh();
    this.#show();
  }

  #show() {
    const images = this.images();
    if (!this.image) this.chosen = images[0]?.result ?? null;
    const { image } = this;
    this.#list(images);
    this.#toolbar();
    renew(find("#zoom"), image ? this.app.zoomButtons() : []);
    this.#panel(image);
    renew(find("#empty"), this.app.state.batches.length ? [] : this.#drop());
    const shown = image ? { ...image, name: `${this.number} ${image.result}` } : null;
    this.app.viewer.show(shown, image ? [{ url: this.#tiles(image) }] : []);
    this.#status();
  }

  #tiles(image) {
    return (level, row, column) =>
      address(`batches/${this.number}/picture/${level}/${row}/${column}`, {
        result: image.result,
        what: this.what,
        v: `${image.image_score} ${image.area} ${this.batch.threshold}`,
      });
  }

  #list(images) {
    const item = (image) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            class: "item",
            "aria-current": image.result === this.chosen ? "true" : null,
            onclick: () => this.choose(image.result),
            title: image.result,
            dataset: { key: `item-${image.result}` },
          },
          h(
            "span",
            {},
            h("b", {}, image.name),
            h("small", { class: KINDS[image.verdict] }, `${t(`verdict.${image.verdict}`)} · ${score(image.image_score)}`),
          ),
          image.judged ? h("small", { class: KINDS[image.judged] }, t(`judged.${image.judged}`)) : null,
        ),
      );
    renew(
      find("#list"),
      h("h2", {}, t("run.images")),
      images.length
        ? h("ul", { class: "plain-list" }, images.slice(0, MOST).map(item))
        : h("p", { class: "soft" }, this.batch?.images.length ? t("run.none-of-filter") : t("run.none")),
      images.length > MOST ? h("p", { class: "soft" }, t("run.more", { count: images.length - MOST })) : null,
    );
    find('#list [aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  #toolbar() {
    const all = this.batch?.images ?? [];
    const count = (verdict) => all.filter((image) => image.verdict === verdict).length;
    const filter = (verdict, text) =>
      h(
        "button",
        { "aria-pressed": String(this.filter === verdict), onclick: () => this.#filter(verdict), dataset: { key: `filter-${verdict}` } },
        text,
      );
    renew(
      find("#toolbar"),
      all.length
        ? h(
            "span",
            { class: "group", role: "group", "aria-label": t("filter") },
            filter(null, `${t("all")} ${number(all.length)}`),
            VERDICTS.map((verdict) => filter(verdict, `${t(`verdict.${verdict}`)} ${number(count(verdict))}`)),
          )
        : null,
    );
  }

  #filter(verdict) {
    this.filter = verdict;
    this.#show();
  }

  #panel(image) {
    const { app, batch } = this;
    const { fit, batches } = app.state;
    const running = batches.find((one) => one.state === "run");
    renew(
      find("#panel"),
      h("section", { class: "next", "aria-label": t("next") }, h("h3", {}, t("next")), this.next(running)),
      batches.length > 1 ? this.#choice(batches) : null,
      batch?.outdated ? h("p", { class: "doubt", id: "outdated" }, t(`run.outdated.${batch.outdated}`, { threshold: score(batch.threshold ?? 0) })) : null,
      image ? this.#about(image) : null,
      this.#problems(),
      fit.state !== "none" && !running && batches.length ? this.#begin() : null,
    );
  }

  next(running) {
    const { app, batch } = this;
    const { fit, batches } = app.state;
    const post = (path) => app.attempt(() => send("POST", path));
    const button = (text, path, main = false) =>
      h("button", { class: main ? "main" : "", onclick: () => post(path), dataset: { key: text } }, t(`run.${text}`));
    if (running) {
      const { number: which, done, total, name, seconds_left: left, stopping } = running;
      const time = left === null ? "" : t("run.left", { time: duration(left) });
      return [
        h("p", { id: "next" }, stopping ? t("run.stopping") : total ? t("run.doing", { done, total, name }) : t("run.loading")),
        h("progress", { max: total || 1, value: total ? done : null }),
        h("p", { class: "soft" }, time),
        stopping ? null : h("p", { class: "row" }, button("pause", `batches/${which}/pause`), button("stop", `batches/${which}/stop`)),
      ];
    }
    if (fit.state === "none") {
      return [h("p", { id: "next" }, t("run.fit")), h("button", { class: "main", onclick: () => app.go("try"), dataset: { key: "next" } }, t("to.try"))];
    }
    if (fit.proposed) {
      return [h("p", { id: "next" }, t("run.accept")), h("button", { class: "main", onclick: () => app.go("try"), dataset: { key: "next" } }, t("to.try"))];
    }
    const newest = batches[0];
    if (!newest) return [h("p", { id: "next" }, t("run.begin")), ...this.#source()];
    if (batch && (batch.state === "pause" || batch.state === "stop" || batch.state === "collect")) {
      return [
        h("p", { id: "next" }, (batch.error && told(batch.error)) || t(`run.is.${batch.state}`)),
        button("go-on", `batches/${this.number}/start`, true),
      ];
    }
    const doubtful = batch?.images.filter((image) => image.verdict === "review" && !image.judged).length;
    if (doubtful) {
      const review = () => {
        this.filter = "review";
        this.chosen = this.images().find((image) => !image.judged)?.result;
        this.#show();
        find("#canvas").focus();
      };
      return [h("p", { id: "next" }, t("run.review", { count: doubtful })), h("button", { class: "main", onclick: review, dataset: { key: "next" } }, t("run.look"))];
    }
    return [h("p", { id: "next" }, t("run.done")), h("button", { class: "main", onclick: () => app.go("export"), dataset: { key: "next" } }, t("to.export"))];
  }

  // A folder on this machine, or files.
  #source() {
    const input = h("input", { type: "text", id: "folder", placeholder: t("run.folder.example"), "aria-label": t("run.folder") });
    const run = async () => {
      this.folder = input.value.trim();
      const done = await this.app.attempt(() => send("POST", "batches", { folder: this.folder }));
      if (done) this.#newest();
    };
    input.value = this.folder ?? "";
    input.addEventListener("input", () => (this.folder = input.value));
    input.addEventListener("keydown", (event) => event.key === "Enter" && run());
    input.dataset.key = "folder";
    const { found, holds } = this.app.state.calibration;
    return [
      h("p", { class: "soft", id: "calibration" }, holds ? t("run.calibrated", { promised: percent(found.promised) }) : t("run.uncalibrated")),
      h("label", { for: "folder" }, t("run.folder")),
      input,
      h("button", { class: "main", onclick: run, dataset: { key: "run-folder" } }, t("run.run")),
      h("button", { onclick: () => this.#pick(), dataset: { key: "files" } }, t("run.files")),
    ];
  }

  #begin() {
    return droppable(
      h("section", { class: "box group-of" }, h("h3", {}, t("run.another")), this.#source()),
      (files) => this.#take(files),
    );
  }

  #drop() {
    const { fit } = this.app.state;
    if (fit.state === "none") return h("div", { class: "drop" }, h("h2", {}, t("run.fit")));
    return droppable(
      h("div", { class: "drop" }, h("h2", {}, t("run.drop")), h("p", {}, t("run.drop.why")), h("button", { class: "main", onclick: () => this.#pick(), dataset: { key: "drop-run" } }, t("pick"))),
      (files) => this.#take(files),
    );
  }

  #pick() {
    const input = find("#pick");
    input.value = "";
    input.onchange = () => this.#take(input.files);
    input.click();
  }

  async #take(files) {
    const { app } = this;
    const list = [...files];
    await app.attempt(async () => {
      const { number: which } = await send("POST", "batches", {});
      let taken = 0;
      const refused = [];
      for (const [index, file] of list.entries()) {
        app.status(t("taking", { done: index + 1, all: list.length, name: file.name }));
        try {
          await upload(`batches/${which}/images`, file, { name: file.name });
          taken++;
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          refused.push(error.message);
        }
      }
      app.allRefused(refused);
      if (taken) await send("POST", `batches/${which}/start`);
    });
    this.#newest();
  }

  #newest() {
    this.shown.newest();
    this.filter = null;
    this.render();
  }

  #choice(batches) {
    const select = h(
      "select",
      {
        dataset: { key: "batch" },
        "aria-label": t("run.which"),
        onchange: (event) => {
          this.shown.choose(batches[event.target.selectedIndex].number);
          this.filter = null;
          this.render();
        },
      },
      batches.map((one) => h("option", {}, `${one.number} · ${new Date(one.began).toLocaleString(document.documentElement.lang)}`)),
    );
    select.selectedIndex = batches.findIndex((one) => one.number === this.number);
    return h("section", { class: "box" }, h("h3", {}, t("run.which")), select);
  }

  #about(image) {
    const judged = (verdict) =>
      h(
        "button",
        { "aria-pressed": String(image.judged === verdict), onclick: () => this.judge(verdict), dataset: { key: `judge-${verdict}` } },
        t(`judge.${verdict}`),
      );
    return h(
      "section",
      { class: "box" },
      h("h2", {}, image.name),
      h("p", { class: `verdict ${KINDS[image.verdict]}` }, `${t(`verdict.${image.verdict}`)} · ${t("image-score", { score: score(image.image_score) })}`),
      h("p", { class: "soft" }, t(image.regions === 1 ? "marked-share.one" : "marked-share", { count: image.regions, share: number(100 * image.area, 2) })),
      h("p", {}, t("judge")),
      h("p", { class: "row" }, judged("pass"), judged("fail")),
    );
  }

  #problems() {
    const { batch } = this;
    const lines = [...(batch?.told ?? []), ...(batch?.refused ?? [])];
    if (!lines.length) return null;
    return h("section", { class: "box" }, h("h3", {}, t("run.problems")), h("ul", { class: "findings" }, lines.slice(0, 50).map((line) => h("li", {}, told(line)))));
  }

  async judge(verdict) {
    const { image } = this;
    if (!image) return;
    const judged = image.judged === verdict ? null : verdict;
    const next = this.#after(1);
    await this.app.attempt(async () => {
      this.shown.batch = await send("POST", `batches/${this.number}/judged`, undefined, { result: image.result, judged });
    });
    if (judged && next) this.chosen = next;
    this.#show();
  }

  #after(by) {
    const images = this.images();
    const at = images.findIndex((image) => image.result === this.chosen);
    return images[Math.min(images.length - 1, Math.max(0, at + by))]?.result;
  }

  #status() {
    if (!this.active) return;
    const { viewer } = this.app;
    if (!this.image || !viewer.image) {
      this.app.status("");
      return;
    }
    const percent = Math.max(1, Math.round(100 * viewer.view.scale));
    this.app.status(`${t("zoom.is", { percent })} · ${t("hint.run")}`);
  }

  key(event) {
    const walk = (by) => this.choose(this.#after(by));
    pressed(event, this.app.viewer, {
      PageDown: () => walk(1),
      PageUp: () => walk(-1),
      j: () => walk(1),
      k: () => walk(-1),
      g: () => this.judge("pass"),
      b: () => this.judge("fail"),
      a: () => this.#filter(null),
      r: () => this.#filter("review"),
      f: () => this.#filter("fail"),
      p: () => this.#filter("pass"),
      h: () => this.#look("image"),
    });
  }

  keyup(event) {
    if (event.key === "h") this.#look("overlay");
  }

  #look(what) {
    this.what = what;
    this.app.viewer.redraw();
  }

  keys() {
    return [
      [
        "step.run",
        [
          ["J K", "keys.walk-run"],
          ["PageDown PageUp", "keys.walk-run"],
          ["R F P A", "keys.filters"],
          ["G B", "keys.judge"],
          ["H", "keys.hide-mask"],
        ],
      ],
      LOOK,
    ];
  }
}

function duration(seconds) {
  if (seconds < 90) return t("seconds", { count: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t("minutes", { count: Math.round(seconds / 60) });
  return t("hours", { count: number(seconds / 3600, 1) });
}
