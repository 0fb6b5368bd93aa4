// What the keys do, shown by "?".

import { find, h, renew } from "./dom.js";
import { t } from "./texts.js";

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
