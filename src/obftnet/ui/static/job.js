// What a task that is under way says, and one that has ended.

import { send } from "./api.js";
import { h } from "./dom.js";
import { t } from "./texts.js";
import { told } from "./told.js";

// How far it is, and the button that stops it.
export function underWay(app, job) {
  const [done, all, name] = job.progress ?? [0, 1, ""];
  const steady = job.kind === "segment" || (job.kind === "calibrate" && job.progress);
  return [
    h("p", { id: "next" }, t(`doing.${job.kind}`, { done: Math.min(done + 1, all), all, name })),
    h("progress", { max: all, value: steady ? done : null, "aria-label": t("progress") }),
    h("button", { onclick: () => app.attempt(() => send("POST", "fit/stop")), dataset: { key: "stop" } }, t("stop")),
  ];
}

// What a person should read of the last one; null where there is nothing.
export function ended(task) {
  if (!task) return null;
  const lines = [...task.told, ...task.refused];
  if (task.error) lines.unshift(task.error);
  if (task.state === "failed") lines.unshift(t("failed"));
  if (!lines.length) return null;
  return h("ul", { class: "findings" }, lines.map((text) => h("li", { class: task.state === "done" ? null : "refused" }, told(text))));
}
