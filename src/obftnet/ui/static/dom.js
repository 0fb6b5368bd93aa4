// Elements from a description: h("button", {class: "plain", onclick: go}, "text", child).

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);

// Have new children, and the focus where it was, with what was being typed, if what had it is there again (by its
// data-key or its id).
export function renew(element, ...children) {
  const before = element.contains(document.activeElement) ? document.activeElement : null;
  const typed = before?.matches("input[type=text], input[type=number]") ? before.value : null;
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  if (!before) return;
  const { key } = before.dataset;
  const selector = key !== undefined ? `[data-key="${CSS.escape(key)}"]` : before.id ? `#${CSS.escape(before.id)}` : null;
  const after = selector && find(selector, element);
  if (!after) return;
  if (typed !== null) after.value = typed;
  after.focus({ preventScroll: true });
}
