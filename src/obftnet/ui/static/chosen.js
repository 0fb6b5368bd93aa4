// The batch that a step shows: which one, and all that the server says of it.

import { Refusal, ask } from "./api.js";

export class ChosenBatch {
  // loaded(): it is there, or is another.
  constructor(app, loaded) {
    this.app = app;
    this.loaded = loaded;
    this.number = null;
    this.batch = null;
    this.known = null; // what the page's state said of it when it was asked for
  }

  choose(number) {
    this.number = number;
    this.#forgetAnother();
  }

  newest() {
    this.choose(this.app.state.batches[0]?.number ?? null);
  }

  forget() {
    this.batch = null;
  }

  // Ask for it where something may have changed since; the newest one where none is chosen.
  async refresh() {
    const { batches } = this.app.state;
    if (!batches.some((one) => one.number === this.number)) this.newest();
    this.#forgetAnother();
    const { number } = this;
    const known = JSON.stringify(batches.find((one) => one.number === number) ?? null);
    if (this.loading || number === null || (this.batch && this.known === known)) return;
    this.loading = true;
    try {
      const batch = await ask(`batches/${number}`);
      if (number === this.number) [this.batch, this.known] = [batch, known];
    } catch (error) {
      if (error instanceof Refusal) this.app.refused(error.message);
      else this.app.lost(true);
    }
    this.loading = false;
    this.loaded();
    if (number !== this.number) await this.refresh();
  }

  #forgetAnother() {
    if (this.batch?.number !== this.number) this.batch = null;
  }
}
