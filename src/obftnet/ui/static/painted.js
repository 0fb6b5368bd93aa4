// The layer of what is painted: the server's tiles, and over them strokes that it has not drawn yet.

import { address, named } from "./api.js";

const COLORS = { 1: "rgb(255, 0, 220)", 2: "rgb(0, 220, 255)" };

export class Painted {
  constructor(viewer) {
    this.viewer = viewer;
    this.name = null;
    this.changes = []; // {revision, box}: which tiles a revision has changed; a box of null: all
    this.pending = []; // strokes that are drawn here until the server's tiles show them
    this.own = document.createElement("canvas");
    this.alpha = 0.55;
    this.shown = true;
  }

  become(name, revision) {
    if (name !== this.name) {
      this.pending = [];
      this.changes = [{ revision, box: null }];
    } else if (name !== null) this.changed(revision, null);
    this.name = name;
  }

  changed(revision, box) {
    if (this.changes.at(-1).revision >= revision) return;
    if (!box) this.changes = [];
    this.changes.push({ revision, box });
    if (this.changes.length > 300) this.changes = [{ revision, box: null }];
  }

  // The last revision in which a tile changed: its address stays the same until it changes again.
  #revision(level, row, column) {
    const side = 512 * 2 ** level;
    const [left, top] = [column * side, row * side];
    for (let index = this.changes.length - 1; index >= 0; index--) {
      const { revision, box } = this.changes[index];
      if (!box || (box.right >= left && box.left <= left + side && box.bottom >= top && box.top <= top + side)) {
        return revision;
      }
    }
    return 0;
  }

  layer() {
    return { draw: (context, viewer) => this.#draw(context, viewer) };
  }

  #draw(context, viewer) {
    if (!this.shown || this.name === null) return;
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = viewer.size;
    this.own.width = Math.max(1, Math.round(width * ratio));
    this.own.height = Math.max(1, Math.round(height * ratio));
    const own = this.own.getContext("2d");
    own.setTransform(ratio, 0, 0, ratio, 0, 0);
    own.imageSmoothingEnabled = false;
    const url = (level, row, column) =>
      address(named(this.name, `painted/${level}/${row}/${column}`), {
        revision: this.#revision(level, row, column),
      });
    const whole = viewer.drawTiles(own, url);
    if (!whole) this.#before(own, viewer);
    if (whole) {
      this.pending = this.pending.filter((stroke) => !stroke.done);
      this.#keep(viewer);
    }
    for (const stroke of this.pending) drawStroke(own, viewer, stroke);
    context.globalAlpha = this.alpha;
    context.drawImage(this.own, 0, 0, width, height);
  }

  // The last picture of the layer that was whole, where the view is still the same: new tiles are on their way.
  #before(own, viewer) {
    const kept = this.kept;
    if (!kept || kept.name !== this.name || JSON.stringify(kept.view) !== JSON.stringify(viewer.view)) return;
    const { width, height } = viewer.size;
    own.clearRect(0, 0, width, height);
    own.drawImage(kept.canvas, 0, 0, width, height);
  }

  #keep(viewer) {
    this.kept ??= { canvas: document.createElement("canvas") };
    const { canvas } = this.kept;
    canvas.width = this.own.width;
    canvas.height = this.own.height;
    canvas.getContext("2d").drawImage(this.own, 0, 0);
    this.kept.name = this.name;
    this.kept.view = { ...viewer.view };
  }
}

export function drawStroke(context, viewer, stroke) {
  context.save();
  if (stroke.value === 0) context.globalCompositeOperation = "destination-out";
  context.fillStyle = context.strokeStyle = COLORS[stroke.value] ?? "black";
  const points = stroke.points.map(([x, y]) => viewer.toCanvas({ x, y }));
  context.beginPath();
  if (stroke.tool === "brush") {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * stroke.radius * viewer.view.scale;
    context.moveTo(points[0].x, points[0].y);
    for (const point of points) context.lineTo(point.x, point.y);
    if (points.length === 1) context.lineTo(points[0].x + 0.001, points[0].y);
    context.stroke();
  } else if (stroke.tool === "polygon") {
    context.moveTo(points[0].x, points[0].y);
    for (const point of points) context.lineTo(point.x, point.y);
    context.closePath();
    context.fill("evenodd");
  }
  context.restore();
}

export function boxOf(stroke) {
  if (stroke.tool !== "brush" && stroke.tool !== "polygon") return null;
  const reach = (stroke.radius ?? 0) + 2;
  const xs = stroke.points.map(([x]) => x);
  const ys = stroke.points.map(([, y]) => y);
  return {
    left: Math.min(...xs) - reach,
    right: Math.max(...xs) + reach,
    top: Math.min(...ys) - reach,
    bottom: Math.max(...ys) + reach,
  };
}
