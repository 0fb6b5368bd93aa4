// The tools of painting: their buttons, their keys, and the layer that they paint on.

import { find, h, renew } from "./dom.js";
import { Painted } from "./painted.js";
import { Painter } from "./paint.js";
import { number, t } from "./texts.js";

const TOOLS = [
  ["brush", "B"],
  ["polygon", "P"],
  ["fill", "F"],
];
const VALUES = [
  [1, "defect", "D"],
  [2, "ignore", "I"],
  [0, "erase", "E"],
];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Paint {
  constructor(app, step) {
    this.app = app;
    this.step = step;
    this.painted = new Painted(app.viewer);
    this.painter = new Painter(app.viewer, this.painted, {
      changed: (image) => this.#changed(image),
      refused: (line) => app.refused(line),
      lost: (is) => app.lost(is),
      tool: () => this.render(),
      reload: async (name) => (await app.refresh())?.images.find((image) => image.name === name),
    });
    find("#canvas").addEventListener("pointermove", () => this.#status());
  }

  become(image) {
    this.image = image;
    if (image) this.app.viewer.onview = () => this.#status();
    this.painter.become(image);
    this.render();
  }

  // The server has painted: what it says of the image stands in the page's state, too.
  #changed(image) {
    const { images } = this.app.state;
    const at = images.findIndex((one) => one.name === image.name);
    if (at >= 0) images[at] = image;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.app.refresh(), 300);
    if (this.image?.name === image.name) this.image = image;
    this.render();
  }

  get paints() {
    return this.painter.paints;
  }

  render() {
    const { painter, painted, image } = this;
    find("#canvas").className = this.paints ? "paints" : "pans";
    if (this.app.step !== this.step) return;
    if (!image) {
      renew(find("#toolbar"));
      renew(find("#zoom"));
      this.app.status("");
      return;
    }
    const good = image.role === "good";
    const undo = this.paints ? image.undo : 0;
    const redo = this.paints ? image.redo : 0;
    renew(
      find("#toolbar"),
      this.paints
        ? [
            h(
              "span",
              { class: "group", role: "group", "aria-label": t("tools") },
              TOOLS.map(([tool, key]) =>
                toggle(t(`tool.${tool}`), key, painter.tool === tool, () => painter.choose(tool), tool),
              ),
            ),
            h(
              "span",
              { class: "group", role: "group", "aria-label": t("paints") },
              VALUES.filter(([value]) => !(good && value === 1)).map(([value, name, key]) =>
                toggle(t(`value.${name}`), key, painter.paint === value, () => painter.choose(painter.tool, value), name),
              ),
            ),
            h(
              "label",
              { class: "group" },
              t("size-of-brush"),
              h("input", {
                type: "range",
                min: 0,
                max: 1000,
                value: Math.round((1000 * Math.log(painter.radius / 0.5)) / Math.log(1000)),
                dataset: { key: "radius" },
                oninput: (event) => painter.setRadius(0.5 * 1000 ** (event.target.value / 1000)),
              }),
              h("output", {}, `${number(2 * painter.radius)} px`),
            ),
            h(
              "label",
              { class: "group" },
              t("opacity"),
              h("input", {
                type: "range",
                min: 5,
                max: 100,
                value: Math.round(100 * painted.alpha),
                dataset: { key: "opacity" },
                oninput: (event) => this.opacity(event.target.value / 100),
              }),
            ),
            h(
              "span",
              { class: "group" },
              button("↶", t("undo"), "Ctrl+Z", () => painter.undo(), !undo, "undo"),
              button("↷", t("redo"), "Ctrl+Y", () => painter.redo(), !redo, "redo"),
              button(t("clear"), t("clear.all"), "", () => painter.clear(), !image.marked && !image.ignored, "clear"),
            ),
          ]
        : toggle(t("value.ignore"), "I", false, () => painter.choose(painter.tool, 2), "ignore"),
    );
    renew(find("#zoom"), this.app.zoomButtons());
    this.#status();
  }

  opacity(alpha) {
    this.painted.alpha = Math.min(1, Math.max(0.05, alpha));
    this.app.viewer.redraw();
  }

  #status() {
    const { viewer } = this.app;
    if (this.app.step !== this.step) return;
    if (!this.image || !viewer.image) return;
    const zoom = t("zoom.is", { percent: 100 * viewer.view.scale >= 10 ? Math.round(100 * viewer.view.scale) : 100 * viewer.view.scale });
    const tip = viewer.keyboard.shown ? viewer.keyboard : this.painter.pointer && viewer.toImage(this.painter.pointer);
    const inside = tip && tip.x >= 0 && tip.y >= 0 && tip.x < viewer.image.width && tip.y < viewer.image.height;
    const at = inside ? ` · ${Math.floor(tip.x)}, ${Math.floor(tip.y)}` : "";
    const ignores = this.painter.paint === 2 && this.painter.tool === "brush";
    const hint = this.paints ? ` · ${t(`hint.${ignores ? "ignore" : this.painter.tool}`)}` : ` · ${t("hint.look")}`;
    find("#status").textContent = zoom + at + hint;
  }

  key(event) {
    const { painter } = this;
    const { viewer } = this.app;
    if (!this.image) return;
    const within = event.target === find("#canvas") || event.target === document.body || event.target.closest("#stage") === event.target;
    const begins = !this.paints && event.key.toLowerCase() === "i" && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (begins) painter.choose(painter.tool, 2);
    const handled = begins || this.#always(event) || (this.paints && this.#painting(event)) || (within && this.#moving(event));
    if (handled) {
      event.preventDefault();
      viewer.redraw();
    }
    if (event.key === " " && within && !event.repeat) {
      event.preventDefault();
      painter.space = true;
      find("#canvas").className = "pans";
    }
  }

  #always(event) {
    const { viewer } = this.app;
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const done = {
      "+": () => viewer.zoom(1.4),
      "=": () => viewer.zoom(1.4),
      "-": () => viewer.zoom(1 / 1.4),
      0: () => viewer.fit(),
      1: () => viewer.actual(),
    }[event.key];
    done?.();
    return Boolean(done);
  }

  #painting(event) {
    const { painter, painted } = this;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") event.shiftKey ? painter.redo() : painter.undo();
      else if (key === "y") painter.redo();
      return key === "z" || key === "y";
    }
    if (event.altKey) return false;
    const tool = TOOLS.find(([, letter]) => letter.toLowerCase() === key);
    const value = VALUES.find(([, , letter]) => letter.toLowerCase() === key);
    if (tool) painter.choose(tool[0]);
    else if (value) painter.choose(painter.tool, value[0]);
    else if (key === "[") painter.resize(1 / 1.2);
    else if (key === "]") painter.resize(1.2);
    else if (key === ",") this.#fade(-0.1);
    else if (key === ".") this.#fade(0.1);
    else if (key === "h") painted.shown = false;
    else if (key === "escape") painter.cancel();
    else if (key === "backspace" && painter.corners.length) painter.removeCorner();
    else return false;
    return true;
  }

  #fade(by) {
    this.opacity(this.painted.alpha + by);
    this.render();
  }

  // Of the canvas alone: elsewhere these keys press buttons and move sliders.
  #moving(event) {
    const { painter } = this;
    const arrow = ARROWS[event.key];
    if (arrow && (event.ctrlKey || !this.paints)) this.app.viewer.pan(-60 * arrow[0], -60 * arrow[1]);
    else if (arrow) painter.step(...arrow, event.shiftKey);
    else if (event.key === "Enter" && this.paints) painter.press(event.shiftKey);
    else if (event.key.toLowerCase() === "c" && this.paints) painter.close(event.shiftKey);
    else return false;
    this.#status();
    return true;
  }

  keyup(event) {
    if (event.key === " ") {
      this.painter.space = false;
      find("#canvas").className = this.paints ? "paints" : "pans";
    }
    if (event.key.toLowerCase() === "h") this.painted.shown = true;
    this.app.viewer.redraw();
  }

  keys() {
    return [
      [
        "keys.paint",
        [
          ["B P F", "keys.tools"],
          ["D I E", "keys.values"],
          ["Shift", "keys.shift"],
          ["[ ]", "keys.size"],
          ["Shift+wheel", "keys.size-wheel"],
          ["Ctrl+Z / Ctrl+Y", "keys.undo"],
          ["Enter", "keys.enter"],
          ["C / double-click", "keys.close"],
          ["Backspace", "keys.corner"],
          ["Esc", "keys.cancel"],
          [", .", "keys.opacity"],
          ["H", "keys.hide"],
        ],
      ],
      [
        "keys.look",
        [
          ["arrows", "keys.arrows"],
          ["Shift+arrows", "keys.arrows-fine"],
          ["Ctrl+arrows", "keys.arrows-pan"],
          ["Space+drag", "keys.pan"],
          ["wheel", "keys.wheel"],
          ["+ -", "keys.zoom"],
          ["0 1", "keys.fit"],
          ["PageUp PageDown", "keys.walk"],
          ["Alt+1 Alt+2 Alt+3 Alt+4 Alt+5", "keys.steps"],
          ["?", "keys.help"],
        ],
      ],
    ];
  }
}

function toggle(text, key, pressed, onclick, name) {
  return h("button", { "aria-pressed": String(pressed), "aria-keyshortcuts": key, title: `${text} (${key})`, onclick, dataset: { key: name } }, text);
}

function button(text, label, key, onclick, disabled, name) {
  const title = key ? `${label} (${key})` : label;
  return h("button", { "aria-label": label, title, onclick, disabled, dataset: { key: name } }, text);
}
