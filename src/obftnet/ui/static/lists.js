// Lists of the project's images, by what they are for, which take files that are dropped on them.

import { address, named } from "./api.js";
import { h } from "./dom.js";
import { t } from "./texts.js";

// A group of images with a button that adds to it. said(image): [text, class] of its second line.
export function group(app, role, images, chosen, said, choose) {
  const title = h("h2", { id: `group-${role}` }, t(`group.${role}`));
  const add = h(
    "button",
    { onclick: () => picked(app, role, choose), "aria-label": t(`add.${role}`), title: t(`add.${role}`), dataset: { key: `add-${role}` } },
    "+",
  );
  const items = images.map((image) => {
    const [text, kind] = said(image);
    return h(
      "li",
      {},
      h(
        "button",
        {
          class: "item",
          "aria-current": image.name === chosen ? "true" : null,
          onclick: () => choose(image.name),
          title: image.name,
          dataset: { key: `item-${image.name}` },
        },
        h("img", { src: address(named(image.name, "thumbnail"), { v: image.version }), alt: "", loading: "lazy" }),
        h("span", {}, h("b", {}, image.name), h("small", { class: kind }, text)),
      ),
    );
  });
  const none = images.length ? null : h("p", { class: "soft" }, t(`none.${role}`));
  const element = h(
    "section",
    { class: "group-of", "aria-labelledby": `group-${role}` },
    h("header", {}, title, add),
    h("ul", {}, items),
    none,
  );
  return droppable(element, async (files) => first(await app.take(files, role), choose));
}

// A large area to drop files on, where there is nothing else to see.
export function drop(app, role, choose) {
  const element = h(
    "div",
    { class: "drop" },
    h("h2", {}, t(`drop.${role}`)),
    h("p", {}, t(`drop.${role}.why`)),
    h("button", { class: "main", onclick: () => picked(app, role, choose), dataset: { key: `drop-${role}` } }, t("pick")),
  );
  return droppable(element, async (files) => first(await app.take(files, role), choose));
}

export function droppable(element, take) {
  element.addEventListener("dragenter", () => element.classList.add("over"));
  element.addEventListener("dragover", () => element.classList.add("over"));
  element.addEventListener("dragleave", (event) => {
    if (!element.contains(event.relatedTarget)) element.classList.remove("over");
  });
  element.addEventListener("drop", (event) => {
    element.classList.remove("over");
    if (event.dataTransfer?.files.length) take(event.dataTransfer.files);
  });
  return element;
}

async function picked(app, role, choose) {
  first(await app.pick(role), choose);
}

const first = (names, choose) => names.length && choose(names[0]);

// The name of the image that is so many further in a list than the one of a name, round its ends; none of an empty list.
export function beside(images, name, by) {
  const at = images.findIndex((image) => image.name === name);
  return images[(at + by + images.length) % images.length]?.name;
}
