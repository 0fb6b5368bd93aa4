// The last step: what is taken away.

import { Refusal, address } from "./api.js";
import { ChosenBatch } from "./chosen.js";
import { find, h, renew } from "./dom.js";
import { t } from "./texts.js";

export class Exports {
  constructor(app) {
    this.app = app;
    this.id = "export";
    this.shown = new ChosenBatch(app, () => this.active && app.redraw(() => this.#show()));
  }

  get active() {
    return this.app.step === this;
  }

  enter() {
    renew(find("#zoom"));
    this.shown.forget();
  }

  render() {
    this.shown.refresh();
    this.#show();
  }

  #show() {
    const { app } = this;
    const { batch } = this.shown;
    const { fit, batches } = app.state;
    renew(find("#toolbar"));
    app.viewer.show(null, []);
    app.status("");
    renew(
      find("#list"),
      h("h2", {}, t("run.batches")),
      batches.length
        ? h(
            "ul",
            { class: "plain-list" },
            batches.map((one) =>
              h(
                "li",
                {},
                h(
                  "button",
                  {
                    class: "item",
                    "aria-current": one.number === this.shown.number ? "true" : null,
                    dataset: { key: `batch-${one.number}` },
                    onclick: () => {
                      this.shown.choose(one.number);
                      this.render();
                    },
                  },
                  h("span", {}, h("b", {}, t("batch", { number: one.number })), h("small", {}, new Date(one.began).toLocaleString(document.documentElement.lang))),
                ),
              ),
            ),
          )
        : h("p", { class: "soft" }, t("export.no-batch")),
    );
    const ready = fit.state !== "none";
    const cards = [
      this.#card("pack", ready ? [["export/pack", "pack"]] : []),
      this.#card("results", this.#files()),
    ];
    renew(
      find("#empty"),
      h(
        "div",
        { class: "cards" },
        cards,
        batch ? h("section", { class: "card wide" }, h("h2", {}, t("export.command")), h("p", {}, t("export.command.why")), h("pre", { tabindex: 0, id: "command" }, batch.command), h("button", { onclick: () => this.#copy(), dataset: { key: "copy" } }, t("export.copy"))) : null,
      ),
    );
    const next = !ready ? ["run.fit", "try"] : !batches.length ? ["export.run", "run"] : null;
    renew(
      find("#panel"),
      h(
        "section",
        { class: "next", "aria-label": t("next") },
        h("h3", {}, t("next")),
        h("p", { id: "next" }, t(next ? next[0] : "export.take")),
        next ? h("button", { class: "main", onclick: () => app.go(next[1]), dataset: { key: "next" } }, t(`to.${next[1]}`)) : null,
      ),
    );
  }

  #files() {
    const { batch } = this.shown;
    if (!batch?.images.length) return [];
    const path = `export/batches/${batch.number}`;
    const there = (name) => batch.files.includes(name);
    return [
      [`${path}/report`, "report"],
      [`${path}/masks`, "masks"],
      ...["images.csv", "regions.csv", "coco.json", "regions.parquet"].filter(there).map((name) => [`${path}/${name}`, name]),
      ...(batch.judged ? [[`${path}/judged.json`, "judged"]] : []),
    ];
  }

  #card(name, files) {
    return h(
      "section",
      { class: "card" },
      h("h2", {}, t(`export.${name}`)),
      h("p", {}, t(`export.${name}.why`)),
      files.length
        ? h("p", { class: "row" }, files.map(([path, what], index) => h("button", { class: index ? "" : "main", onclick: (event) => this.#take(path, event.target), dataset: { key: `take-${what}` } }, t(`take.${what}`))))
        : h("p", { class: "soft" }, t(`export.${name}.none`)),
    );
  }

  // Through a link, so that the browser saves it as the server names it; what is refused is told here.
  async #take(path, button) {
    const { app } = this;
    button.disabled = true;
    app.status(t("export.making"));
    try {
      const response = await fetch(address(path));
      if (!response.ok) throw new Refusal((await response.json()).error, response.status);
      const said = response.headers.get("content-disposition") ?? "";
      const link = h("a", { href: URL.createObjectURL(await response.blob()), download: /filename="([^"]+)"/.exec(said)?.[1] ?? "" });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      if (error instanceof Refusal) app.refused(error.message);
      else app.lost(true);
    }
    app.status("");
    button.disabled = false;
  }

  async #copy() {
    const text = find("#command").textContent;
    try {
      await navigator.clipboard.writeText(text);
      this.app.noted(t("export.copied"));
    } catch {
      getSelection().selectAllChildren(find("#command")); // to be copied by hand
    }
  }

  key() {}

  keys() {
    return [["keys.look", [["Alt+1 Alt+2 Alt+3 Alt+4 Alt+5", "keys.steps"], ["?", "keys.help"]]]];
  }
}
