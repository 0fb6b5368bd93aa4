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

export const has = (key) => key in texts;

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

// Of a rate in 0..1, with two digits that count.
export function percent(rate) {
  return `${new Intl.NumberFormat(language, { maximumSignificantDigits: 2 }).format(100 * rate)} %`;
}

export const LEAST = 1e-4; // a score that is told from 0

// A score in 0..1: near 0 and near 1, where most of them crowd, with as many digits as tell it from that; never
// rounded up.
export function score(value) {
  if (value > 0 && value < LEAST) return `< ${number(LEAST, 4)}`;
  const least = value > 0 && value < 1 ? Math.min(value, 1 - value) : 1;
  const digits = Math.min(7, Math.max(2, Math.ceil(-Math.log10(least) - 1e-9)));
  return number(Math.floor(value * 10 ** digits + 1e-9) / 10 ** digits, digits);
}

function shown(value) {
  return typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : 2) : String(value);
}
