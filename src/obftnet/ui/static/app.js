// The page: its state as the server says it, the steps, the language, the keys, and what is told at the edge.

import { Refusal, ask, upload } from "./api.js";
import { Batch } from "./batch.js";
import { Calibrating } from "./calibrate.js";
import { find, h, renew } from "./dom.js";
import { Exports } from "./exports.js";
import { Guidance } from "./guidance.js";
import { showKeys } from "./keys.js";
import { choose, current, t } from "./texts.js";
import { learn, told } from "./told.js";
import { Trying } from "./trying.js";
import { Viewer } from "./viewer.js";

const SOON = 600; // milliseconds until the state is asked for again where something is under way
const LATER = 4000;
const MOST_TOLD = 3; // refusals of files that are given at once

class App {
  constructor() {
    this.state = null;
    this.held = false; // whether a pointer is down on something that a drawing would replace
    this.late = false; // whether something is to be drawn when it rests
    this.viewer = new Viewer(find("#canvas"));
    this.step = null;
    this.steps = [new Guidance(this), new Trying(this), new Calibrating(this), new Batch(this), new Exports(this)];
  }

  async begin() {
    this.state = await ask("state");
    learn(await ask("lines"));
    const languages = this.state.languages;
    const wanted = localStorage.getItem("obftnet.language") ?? navigator.language.slice(0, 2);
    await choose(wanted, languages);
    const select = find("#language");
    const name = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);
    renew(select, languages.map((code) => h("option", { value: code }, name(code))));
    select.value = current();
    select.addEventListener("change", async () => {
      localStorage.setItem("obftnet.language", select.value);
      await choose(select.value, languages);
      this.render();
    });
    find("#help").addEventListener("click", () => showKeys(this.step.keys()));
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("keyup", (event) => this.step.keyup?.(event));
    for (const name of ["dragover", "drop"]) {
      // What falls beside an area for it must not replace the page.
      document.addEventListener(name, (event) => event.preventDefault());
    }
    document.addEventListener("pointerdown", (event) => (this.held = event.target.closest("input[type=range], button, summary") !== null));
    for (const name of ["pointerup", "pointercancel"]) {
      document.addEventListener(name, () => {
        this.held = false;
        if (this.late) setTimeout(() => this.render()); // after what the slider says at its end
      });
    }
    window.addEventListener("beforeunload", (event) => {
      if (this.steps.some((step) => step.busy)) event.preventDefault();
    });
    this.go(this.steps.find((step) => `#${step.id}` === location.hash)?.id ?? this.steps[0].id);
    this.#poll();
    document.body.dataset.ready = "true";
  }

  go(id) {
    const step = this.steps.find((one) => one.id === id);
    if (this.step !== step) {
      this.step?.leave?.();
      this.step = step;
      history.replaceState(null, "", `#${id}`);
      step.enter?.();
      find("#toasts").replaceChildren(); // they were of what was done there
    }
    this.render();
  }

  render() {
    // A slider that is drawn anew would fall out of the hand that moves it, and a button would lose its click.
    this.late = this.held;
    if (this.held) return;
    find("#project").textContent = this.state.project;
    find("#project").title = this.state.folder;
    renew(
      find("#steps"),
      this.steps.map((step, index) =>
        h(
          "button",
          {
            "aria-current": step === this.step ? "step" : null,
            onclick: () => this.go(step.id),
            dataset: { key: `step-${step.id}` },
          },
          `${index + 1} ${t(`step.${step.id}`)}`,
        ),
      ),
    );
    this.step.render();
  }

  // Draw a part anew, or all of it once nothing is held.
  redraw(draw) {
    if (this.held) this.late = true;
    else draw();
  }

  // onlyChanges: nothing is drawn anew where all is as it was.
  async refresh(onlyChanges = false) {
    try {
      const before = JSON.stringify(this.state);
      const wasLost = !find("#lost").hidden;
      this.state = await ask("state");
      this.lost(false);
      if (!onlyChanges || wasLost || JSON.stringify(this.state) !== before) this.render();
    } catch (error) {
      if (error instanceof Refusal) this.refused(error.message);
      else this.lost(true);
    }
    return this.state;
  }

  // Whether the server does something that is to be followed.
  get working() {
    const { checking, fit, batches, images } = this.state;
    const unknown = images.some((image) => image.tried?.verdict === null);
    return checking || fit.job || unknown || batches.some((batch) => batch.state === "run");
  }

  async #poll() {
    for (;;) {
      const wait = this.working ? SOON : LATER;
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (!document.hidden || this.working) await this.refresh(true);
    }
  }

  // Do what asks the server, and tell what it refuses; true if it was done.
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      if (error instanceof Refusal) this.refused(error.message);
      else this.lost(true);
      await this.refresh();
      return false;
    }
    await this.refresh();
    return true;
  }

  async take(files, role) {
    const added = [];
    const refused = [];
    // A mask comes after the image it is of.
    const list = [...files].sort((a, b) => Number(isMask(a.name)) - Number(isMask(b.name)));
    for (const [index, file] of list.entries()) {
      this.status(t("taking", { done: index + 1, all: list.length, name: file.name }));
      try {
        added.push((await upload("images", file, { name: file.name, role })).name);
      } catch (error) {
        if (!(error instanceof Refusal)) this.lost(true);
        refused.push(error instanceof Refusal ? error.message : `${file.name}: ${t("not-taken")}`);
      }
    }
    this.allRefused(refused);
    this.status("");
    await this.refresh();
    return added;
  }

  pick(role) {
    const input = find("#pick");
    return new Promise((resolve) => {
      input.value = "";
      input.onchange = async () => resolve(await this.take(input.files, role));
      input.oncancel = () => resolve([]);
      input.click();
    });
  }

  zoomButtons() {
    const button = (text, label, key, onclick, name) =>
      h("button", { "aria-label": label, title: `${label} (${key})`, onclick, dataset: { key: name } }, text);
    return h(
      "span",
      { class: "group" },
      button("−", t("zoom.out"), "-", () => this.viewer.zoom(1 / 1.4), "out"),
      button("+", t("zoom.in"), "+", () => this.viewer.zoom(1.4), "in"),
      button("1:1", t("zoom.actual"), "1", () => this.viewer.actual(), "actual"),
      button(t("zoom.fit"), t("zoom.fit.all"), "0", () => this.viewer.fit(), "fit"),
    );
  }

  status(text) {
    if (find("#status").textContent !== text) find("#status").textContent = text;
  }

  lost(is) {
    find("#lost").hidden = !is;
  }

  refused(line) {
    this.#toast(told(line), "");
  }

  // Of many files: the first few in words, the others by their number.
  allRefused(lines) {
    for (const line of lines.slice(0, MOST_TOLD)) this.refused(line);
    const more = lines.length - MOST_TOLD;
    if (more > 0) this.refused(t("not-taken.more", { count: more }));
  }

  noted(line) {
    this.#toast(line, "note");
  }

  #toast(line, kind) {
    const toast = h("div", { class: `toast ${kind}` }, line);
    toast.append(h("button", { onclick: () => toast.remove(), "aria-label": t("close") }, "×"));
    find("#toasts").append(toast);
    while (find("#toasts").children.length > 4) find("#toasts").firstChild.remove();
    setTimeout(() => toast.remove(), kind ? 12_000 : 60_000); // a refusal is read, and acted upon
  }

  async confirm(text, yes) {
    const dialog = find("#confirm");
    return new Promise((resolve) => {
      const close = (answer) => {
        dialog.close();
        resolve(answer);
      };
      renew(
        dialog,
        h("p", {}, text),
        h(
          "p",
          { class: "row" },
          h("button", { class: "main", onclick: () => close(true) }, yes),
          h("button", { onclick: () => close(false), autofocus: true }, t("cancel")),
        ),
      );
      dialog.oncancel = () => resolve(false);
      dialog.showModal();
    });
  }

  #key(event) {
    const typing = event.target.closest("input:not([type=range]):not([type=checkbox]), select, textarea, dialog[open]");
    if (typing) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys(this.step.keys());
      return;
    }
    const chosen = Number(event.key);
    if (event.altKey && chosen >= 1 && chosen <= this.steps.length) {
      event.preventDefault();
      this.go(this.steps[chosen - 1].id);
      return;
    }
    this.step.key(event);
  }
}

export const isMask = (name) => /[_-](mask|gt|label)s?\.[^.]+$/i.test(name);

const app = new App();
window.obftnet = app; // for the tests, and for whoever looks
app.begin();
