// Tools that paint: what a pointer or the keyboard does becomes strokes, and strokes go to the server in order.

import { Refusal, named, send } from "./api.js";
import { boxOf, drawStroke } from "./painted.js";

const STORED = "obftnet.brush";
const RETRY = 1000; // milliseconds until a server that does not answer is asked again

export class Painter {
  // told: {changed(image), refused(line), lost(whether the server does not answer)}
  constructor(viewer, painted, told) {
    Object.assign(this, { viewer, painted, told });
    const kept = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    this.tool = "brush";
    this.onGood = false; // whether a good image is painted on: what is to be ignored, and only once it was asked for
    this.value = 1;
    this.radius = kept.radius ?? null; // pixels of the image; null until an image gives a sensible one
    this.image = null;
    this.stroke = null; // under the pointer
    this.corners = []; // of a polygon that is being drawn
    this.pointer = null; // where it is on the canvas
    this.pen = false; // whether the keyboard's pen is down
    this.revisions = new Map(); // of what the server has, by image
    this.queue = [];
    this.sending = false;
    this.touches = new Map();
    this.space = false;
    viewer.over.push((context) => this.#over(context));
    this.#listen(viewer.canvas);
  }

  become(image) {
    if (key(image) !== key(this.image)) {
      this.stroke = null;
      this.corners = [];
      this.pen = false;
      this.onGood = false;
      if (image) {
        this.viewer.keyboard = { x: image.width / 2, y: image.height / 2, shown: false };
        this.radius ??= Math.max(2, Math.round(Math.min(image.width, image.height) / 100));
      }
    }
    this.image = image;
    if (image) {
      // An answer that was under way while something was painted tells of an older state.
      this.revisions.set(key(image), Math.max(image.revision, this.revisions.get(key(image)) ?? 0));
      this.painted.become(image.name, this.revision);
    } else this.painted.become(null, 0);
  }

  get paints() {
    return this.image?.role === "defect" || (this.image?.role === "good" && this.onGood);
  }

  // What is painted: on a good image nothing is the defect.
  get paint() {
    return this.image?.role === "good" && this.value === 1 ? 2 : this.value;
  }

  get revision() {
    return this.revisions.get(key(this.image));
  }

  get idle() {
    return !this.queue.length && !this.sending && !this.stroke;
  }

  resize(factor) {
    const wanted = this.radius * factor;
    const changed = Math.abs(wanted - this.radius) < 0.5 ? this.radius + Math.sign(factor - 1) * 0.5 : wanted;
    this.setRadius(changed);
  }

  setRadius(radius) {
    this.radius = Math.min(2000, Math.max(0.5, Math.round(radius * 2) / 2));
    localStorage.setItem(STORED, JSON.stringify({ radius: this.radius }));
    this.viewer.redraw();
    this.told.tool();
  }

  choose(tool, value = this.value) {
    if (tool !== this.tool) {
      this.corners = [];
      this.#lift();
    }
    this.tool = tool;
    this.value = value;
    if (this.image?.role === "good") this.onGood = true;
    this.viewer.redraw();
    this.told.tool();
  }

  undo() {
    this.#give({ do: "undo" });
  }

  redo() {
    this.#give({ do: "redo" });
  }

  clear() {
    this.#give({ do: "stroke", stroke: { tool: "clear" } });
  }

  cancel() {
    this.corners = [];
    this.stroke = null;
    this.pen = false;
    this.viewer.redraw();
  }

  // --- the keyboard's pen ---

  step(dx, dy, fine) {
    const { keyboard } = this.viewer;
    const by = fine ? 1 : Math.max(1, this.radius / 2);
    const held = (value, most) => Math.min(most, Math.max(0, value));
    keyboard.x = held(keyboard.x + dx * by, this.image.width);
    keyboard.y = held(keyboard.y + dy * by, this.image.height);
    keyboard.shown = true;
    if (this.pen && this.stroke) this.#extend(keyboard);
    this.viewer.reveal(keyboard);
    this.viewer.redraw();
  }

  press(erase) {
    const { keyboard } = this.viewer;
    if (!keyboard.shown) {
      keyboard.shown = true;
      this.viewer.redraw();
      return;
    }
    if (this.tool === "brush") {
      if (this.pen) this.#lift();
      else {
        this.pen = true;
        this.#begin(keyboard, erase);
      }
    } else this.#click(keyboard, erase);
    this.viewer.redraw();
  }

  close(erase) {
    if (this.corners.length >= 3) {
      const points = this.corners;
      this.corners = [];
      this.#finish({ tool: "polygon", value: erase ? 0 : this.paint, points });
    }
  }

  removeCorner() {
    this.corners.pop();
    this.viewer.redraw();
  }

  // --- strokes ---

  #begin(point, erase) {
    this.stroke = {
      tool: "brush",
      value: erase ? 0 : this.paint,
      points: [[point.x, point.y]],
      radius: this.radius,
    };
  }

  #extend(point) {
    const [x, y] = this.stroke.points.at(-1);
    const least = Math.max(0.5, Math.min(this.stroke.radius / 8, 2 / this.viewer.view.scale));
    if (Math.hypot(point.x - x, point.y - y) < least) return;
    this.stroke.points.push([point.x, point.y]);
    // One stroke has a bounded number of points; what follows goes on as another from the same place.
    if (this.stroke.points.length >= 4000) {
      const { value, radius } = this.stroke;
      this.#lift(true);
      this.stroke = { tool: "brush", value, radius, points: [[point.x, point.y]] };
    }
    this.viewer.redraw();
  }

  #lift(keep = false) {
    const stroke = this.stroke;
    this.stroke = null;
    if (!keep) this.pen = false;
    if (stroke) this.#finish(stroke);
  }

  #click(point, erase) {
    const place = [point.x, point.y];
    if (this.tool === "fill") {
      this.#give({ do: "stroke", stroke: { tool: "fill", value: erase ? 0 : this.paint, points: [place] } });
      return;
    }
    const first = this.corners[0];
    if (this.corners.length >= 3) {
      const a = this.viewer.toCanvas({ x: first[0], y: first[1] });
      const b = this.viewer.toCanvas(point);
      if (Math.hypot(a.x - b.x, a.y - b.y) < 9) return this.close(erase);
    }
    const last = this.corners.at(-1);
    if (!last || last[0] !== place[0] || last[1] !== place[1]) this.corners.push(place);
    this.viewer.redraw();
  }

  #finish(stroke) {
    const round = (value) => Math.round(value * 100) / 100;
    stroke.points = stroke.points.map(([x, y]) => [round(x), round(y)]);
    this.painted.pending.push(stroke);
    this.#give({ do: "stroke", stroke });
    this.viewer.redraw();
  }

  #give(change) {
    if (!this.image) return;
    this.queue.push({ image: this.image, change });
    this.#send();
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    while (this.queue.length) {
      const { image: asked, change } = this.queue[0];
      const { name } = asked;
      const revision = this.revisions.get(key(asked));
      try {
        const { tool, value, points, radius } = change.stroke ?? {};
        const body = { revision, do: change.do };
        if (change.stroke) body.stroke = JSON.parse(JSON.stringify({ tool, value, points, radius }));
        change.wanted = revision + 1;
        const image = await send("POST", named(name, "strokes"), body);
        this.queue.shift();
        this.#applied(name, image, change);
      } catch (error) {
        if (error instanceof Refusal && error.status !== 500) {
          await this.#refused(name, change, error);
        } else {
          // Nothing is lost: it is sent again when the server is there.
          this.told.lost(true);
          await new Promise((resolve) => setTimeout(resolve, RETRY));
        }
        continue;
      }
      this.told.lost(false);
    }
    this.sending = false;
  }

  #applied(name, image, change) {
    this.revisions.set(key(image), image.revision);
    if (change.stroke) change.stroke.done = true;
    if (this.image?.name === name) {
      this.painted.changed(image.revision, change.stroke ? boxOf(change.stroke) : null);
    }
    this.told.changed(image);
    this.viewer.redraw();
  }

  async #refused(name, change, error) {
    if (error.status === 409) {
      const image = await this.told.reload(name);
      if (image && image.revision === change.wanted) {
        // It was done, and the answer was lost.
        this.queue.shift();
        this.#applied(name, image, change);
        return;
      }
      // Another window painted: what the server has is what counts.
      this.queue = [];
      this.painted.pending = [];
      if (image) {
        this.revisions.set(key(image), image.revision);
        if (this.image?.name === name) this.painted.changed(image.revision, null);
      }
    } else {
      this.queue.shift();
      this.painted.pending = this.painted.pending.filter((stroke) => stroke !== change.stroke);
    }
    this.told.refused(error.message);
    this.viewer.redraw();
  }

  // --- the pointer ---

  #listen(canvas) {
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.viewer.redraw();
    });
    canvas.addEventListener("dblclick", (event) => {
      if (this.tool === "polygon") this.close(event.shiftKey);
    });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      if (!(event.shiftKey || event.altKey)) return;
      event.preventDefault();
      this.resize(Math.exp(-(event.deltaY || event.deltaX) * 0.002));
    }, { passive: false });
  }

  #down(event) {
    const { canvas } = this.viewer;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    this.viewer.keyboard.shown = false;
    if (event.pointerType === "touch") {
      this.touches.set(event.pointerId, this.viewer.at(event));
      if (this.touches.size > 1) {
        this.stroke = null; // two fingers move the picture
        this.viewer.redraw();
        return;
      }
    }
    if (!this.image) return;
    if (event.button === 1 || this.space || !this.paints) {
      this.panning = this.viewer.at(event);
      return;
    }
    const erase = event.shiftKey || event.button === 2;
    const point = this.viewer.toImage(this.viewer.at(event));
    if (this.tool === "brush") this.#begin(point, erase);
    else this.#click(point, erase);
    this.viewer.redraw();
  }

  #move(event) {
    const at = this.viewer.at(event);
    this.pointer = event.pointerType === "touch" ? null : at;
    if (this.touches.has(event.pointerId)) {
      if (this.touches.size > 1) this.#pinch(event.pointerId, at);
      this.touches.set(event.pointerId, at);
      if (this.touches.size > 1) return;
    }
    if (this.panning) {
      this.viewer.pan(at.x - this.panning.x, at.y - this.panning.y);
      this.panning = at;
    } else if (this.stroke && !this.pen) {
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        this.#extend(this.viewer.toImage(this.viewer.at(one)));
      }
    }
    this.viewer.redraw();
  }

  #up(event) {
    this.touches.delete(event.pointerId);
    this.panning = null;
    if (this.stroke && !this.pen) this.#lift();
    this.viewer.redraw();
  }

  #pinch(id, at) {
    const other = [...this.touches].find(([key]) => key !== id)[1];
    const before = this.touches.get(id);
    const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    const far = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    const [old, now] = [middle(before, other), middle(at, other)];
    this.viewer.pan(now.x - old.x, now.y - old.y);
    this.viewer.zoom(far(at, other) / far(before, other), now);
  }

  // --- what is drawn on top ---

  #over(context) {
    if (!this.image || !this.paints) return;
    const { viewer } = this;
    if (this.stroke) {
      context.globalAlpha = this.painted.alpha;
      const shown = this.stroke.value === 0 ? { ...this.stroke, value: 9 } : this.stroke;
      drawStroke(context, viewer, shown);
      context.globalAlpha = 1;
    }
    const tip = viewer.keyboard.shown ? viewer.toCanvas(viewer.keyboard) : this.pointer;
    if (this.corners.length) {
      const points = this.corners.map(([x, y]) => viewer.toCanvas({ x, y }));
      if (tip) points.push(tip);
      const path = new Path2D();
      points.forEach((point, index) => (index ? path.lineTo(point.x, point.y) : path.moveTo(point.x, point.y)));
      if (points.length > 2) path.closePath();
      twice(context, path);
      for (const point of points) {
        const dot = new Path2D();
        dot.arc(point.x, point.y, 4, 0, 7);
        twice(context, dot);
      }
    }
    if (!tip || this.space) return;
    const path = new Path2D();
    if (this.tool === "brush") path.arc(tip.x, tip.y, Math.max(1, this.radius * viewer.view.scale), 0, 7);
    if (this.tool !== "brush" || viewer.keyboard.shown) {
      path.moveTo(tip.x - 10, tip.y);
      path.lineTo(tip.x + 10, tip.y);
      path.moveTo(tip.x, tip.y - 10);
      path.lineTo(tip.x, tip.y + 10);
    }
    twice(context, path);
  }
}

// What tells an image from another that had its name.
const key = (image) => (image ? `${image.name} ${image.version}` : "");

// Seen on any ground: dark, and light within.
function twice(context, path) {
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0, 0, 0)";
  context.stroke(path);
  context.lineWidth = 1.2;
  context.strokeStyle = "rgb(255, 255, 255)";
  context.stroke(path);
}
