// A step whose images were looked at: one of them is chosen, and shown with what was found.

import { LOOK } from "./keys.js";
import { beside } from "./lists.js";
import { KEYS, Tried } from "./tried.js";

// Who extends it has `images()` and `render()`.
export class TriedStep {
  constructor(app, id) {
    this.app = app;
    this.id = id;
    this.chosen = null;
    this.tried = new Tried(app, this);
  }

  get image() {
    return this.images().find((image) => image.name === this.chosen) ?? null;
  }

  enter() {
    this.tried.enter();
  }

  leave() {
    this.tried.leave();
  }

  choose(name) {
    if (name !== this.chosen) this.tried.forget();
    this.chosen = name;
    this.render();
  }

  walk(by) {
    const name = beside(this.images(), this.chosen, by);
    if (name) this.choose(name);
  }

  key(event) {
    this.tried.key(event, { PageDown: () => this.walk(1), PageUp: () => this.walk(-1) });
  }

  keyup(event) {
    this.tried.keyup(event);
  }

  keys() {
    return [[`step.${this.id}`, KEYS], LOOK];
  }
}
