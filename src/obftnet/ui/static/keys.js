// What the keys do where an image is looked at, and what all of them do, shown by "?".

import { find, h, renew } from "./dom.js";
import { t } from "./texts.js";

const PANS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

export const LOOK = [
  "keys.look",
  [
    ["arrows", "keys.arrows-pan"],
    ["drag", "keys.drag"],
    ["wheel", "keys.wheel"],
    ["+ -", "keys.zoom"],
    ["0 1", "keys.fit"],
    ["Alt+1 Alt+2 Alt+3 Alt+4 Alt+5", "keys.steps"],
    ["?", "keys.help"],
  ],
];

// A key pressed where an image is looked at: `own` by key beside those of the viewer.
export function pressed(event, viewer, own) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // Of the canvas alone: elsewhere the arrows move sliders.
  const pan = event.target === find("#canvas") ? PANS[event.key] : undefined;
  const done = {
    "+": () => viewer.zoom(1.4),
    "=": () => viewer.zoom(1.4),
    "-": () => viewer.zoom(1 / 1.4),
    0: () => viewer.fit(),
    1: () => viewer.actual(),
    ...(pan ? { [event.key]: () => viewer.pan(...pan) } : {}),
    ...own,
  }[event.key];
  if (!done) return;
  event.preventDefault();
  if (event.key === "h" && event.repeat) return;
  done();
}

// groups: [[title, [[keys, what they do], ...]], ...]
export function showKeys(groups) {
  const dialog = find("#keys");
  renew(
    dialog,
    h("h2", {}, t("keys")),
    h(
      "div",
      { class: "columns" },
      groups.map(([title, rows]) => [
        h("h3", {}, t(title)),
        h(
          "dl",
          {},
          rows.map(([keys, what]) => [
            h("dt", {}, ...keys.split(" ").flatMap((key, at) => [at ? " " : "", key === "/" ? "/" : h("kbd", {}, t(key))])),
            h("dd", {}, t(what)),
          ]),
        ),
      ]),
    ),
    h("button", { onclick: () => dialog.close(), autofocus: true }, t("close")),
  );
  dialog.showModal();
}
