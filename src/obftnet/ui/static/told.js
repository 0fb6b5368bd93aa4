// What the server says in English lines, in the reader's language: the template of a line is found again, and filled
// in as the language has it ("line.<name>" among its texts). A line of no template stays as it is.

import { has, number, t } from "./texts.js";

let known = []; // [name, names of its values, what a line of it looks like], the most particular first

// templates: by name, as the server has them.
export function learn(templates) {
  known = Object.entries(templates)
    .map(([name, template]) => {
      const parts = template.split(/\{(\w+)\}/); // text and names in turn
      const pattern = parts.map((part, at) => (at % 2 ? "(.+?)" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
      const letters = parts.reduce((sum, part, at) => sum + (at % 2 ? 0 : part.length), 0);
      return { name, names: parts.filter((_, at) => at % 2), pattern: new RegExp(`^${pattern.join("")}$`, "s"), letters };
    })
    .sort((a, b) => b.letters - a.letters);
}

export function told(line) {
  for (const { name, names, pattern } of known) {
    const found = has(`line.${name}`) && pattern.exec(line);
    if (!found) continue;
    return t(`line.${name}`, Object.fromEntries(names.map((one, at) => [one, value(found[at + 1])])));
  }
  return line;
}

// A value may be a line itself, or a number with English signs.
function value(text) {
  if (/^(\d{1,3}(,\d{3})+|\d+\.\d+)$/.test(text)) {
    const plain = text.replaceAll(",", "");
    return number(Number(plain), plain.split(".")[1]?.length ?? 0);
  }
  return told(text);
}
