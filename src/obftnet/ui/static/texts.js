// What the page says, in the language that was chosen: texts/<language>.json, a file a language.

let texts = {};
let language = "en";

export async function choose(wanted, languages) {
  language = languages.includes(wanted) ? wanted : "en";
  texts = await (await fetch(`/static/texts/${language}.json`)).json();
  document.documentElement.lang = language;
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
    element.title = t(element.dataset.tLabel);
  }
}

export const current = () => language;

export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

function shown(value) {
  return typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : 2) : String(value);
}
