// A picture of any size: the tiles that are seen, at the level that the screen shows, and layers over it.
//
// Coordinates of the picture are its own pixels, continuous; `view` says where its corner lies on the canvas
// and how many CSS pixels one of its pixels takes.

const TILE = 512;
const KEPT = 160; // tiles that are kept, of a megabyte each when they are decoded
const MOST = 40; // largest scale: a pixel of 40 x 40

export class Viewer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.layers = []; // {url(level, row, column), draw(context, viewer) or null, alpha, shown}
    this.over = []; // functions (context, viewer) that draw on top
    this.image = null;
    this.view = { x: 0, y: 0, scale: 1 };
    this.tiles = new Map();
    this.loading = 0;
    this.keyboard = { x: 0, y: 0, shown: false };
    this.onview = () => {};
    this.#frame = 0;
    new ResizeObserver(() => this.#resized()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #frame;
  #untouched = true;

  show(image, layers) {
    const other = this.image?.name !== image?.name || this.image?.width !== image?.width;
    this.image = image;
    this.layers = layers;
    if (other && image) this.fit();
    this.redraw();
  }

  get size() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  fit() {
    if (!this.image) return;
    const { width, height } = this.size;
    const scale = Math.min(width / this.image.width, height / this.image.height) * 0.97;
    this.#become(scale > 0 ? scale : 1, width / 2, height / 2, this.image.width / 2, this.image.height / 2);
    this.#untouched = true;
  }

  actual() {
    this.zoom(1 / this.view.scale);
  }

  // By a factor, what lies under a point of the canvas staying there.
  zoom(factor, at = null) {
    if (!this.image) return;
    const { width, height } = this.size;
    const point = at ?? { x: width / 2, y: height / 2 };
    const held = this.toImage(point);
    const least = Math.min(0.5, (Math.min(width, height) / Math.max(this.image.width, this.image.height)) * 0.3);
    const scale = Math.min(MOST, Math.max(least, this.view.scale * factor));
    this.#become(scale, point.x, point.y, held.x, held.y);
  }

  pan(dx, dy) {
    this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    this.#untouched = false;
    this.redraw();
    this.onview();
  }

  // Have a point of the picture on the canvas, moved no further than needed.
  reveal(point, margin = 40) {
    const seen = this.toCanvas(point);
    const { width, height } = this.size;
    const dx = Math.max(0, margin - seen.x) - Math.max(0, seen.x - (width - margin));
    const dy = Math.max(0, margin - seen.y) - Math.max(0, seen.y - (height - margin));
    if (dx || dy) this.pan(dx, dy);
  }

  #become(scale, x, y, imageX, imageY) {
    this.view = { scale, x: x - imageX * scale, y: y - imageY * scale };
    this.#untouched = false;
    this.redraw();
    this.onview();
  }

  toImage(point) {
    return { x: (point.x - this.view.x) / this.view.scale, y: (point.y - this.view.y) / this.view.scale };
  }

  toCanvas(point) {
    return { x: point.x * this.view.scale + this.view.x, y: point.y * this.view.scale + this.view.y };
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  redraw() {
    if (!this.#frame) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    }
  }

  #resized() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.size;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    if (this.#untouched) this.fit();
    this.redraw();
  }

  #wheel(event) {
    if (event.shiftKey || event.altKey) return; // the size of the brush
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), this.at(event));
  }

  // The level whose pixels are no larger than the screen's, and none finer than that.
  level() {
    const ratio = window.devicePixelRatio || 1;
    const wanted = Math.floor(Math.log2(1 / (this.view.scale * ratio)) + 0.01);
    return Math.min(this.image.levels, Math.max(0, wanted));
  }

  // Rows and columns of the tiles of a level that are on the canvas.
  *seen(level) {
    const side = TILE * 2 ** level;
    const { width, height } = this.size;
    const low = this.toImage({ x: 0, y: 0 });
    const high = this.toImage({ x: width, y: height });
    const rows = Math.ceil(this.image.height / side);
    const columns = Math.ceil(this.image.width / side);
    const top = Math.max(0, Math.floor(low.y / side));
    const left = Math.max(0, Math.floor(low.x / side));
    for (let row = top; row < Math.min(rows, Math.floor(high.y / side) + 1); row++) {
      for (let column = left; column < Math.min(columns, Math.floor(high.x / side) + 1); column++) {
        yield { level, row, column, x: column * side, y: row * side };
      }
    }
  }

  // The picture behind an address: at once if it is here, else null, and the canvas is drawn again later.
  tile(url) {
    const kept = this.tiles.get(url);
    if (kept) {
      this.tiles.delete(url);
      this.tiles.set(url, kept);
      return kept.complete && kept.naturalWidth ? kept : null;
    }
    const image = new Image();
    this.loading++;
    const done = () => {
      this.loading--;
      this.redraw();
    };
    image.addEventListener("load", done);
    image.addEventListener("error", () => {
      setTimeout(() => this.tiles.delete(url), 2000);
      done();
    });
    image.src = url;
    this.tiles.set(url, image);
    while (this.tiles.size > KEPT) this.tiles.delete(this.tiles.keys().next().value);
    return null;
  }

  drawTiles(context, url) {
    const level = this.level();
    let whole = true;
    for (const place of this.seen(level)) {
      const image = this.tile(url(place.level, place.row, place.column));
      if (image) this.#place(context, image, place, level);
      else {
        whole = false;
        this.#coarser(context, url, place);
      }
    }
    return whole;
  }

  // What a coarser tile that is here shows of a place, until its own comes.
  #coarser(context, url, place) {
    for (let level = place.level + 1; level <= this.image.levels; level++) {
      const by = 2 ** (level - place.level);
      const row = Math.floor(place.row / by);
      const column = Math.floor(place.column / by);
      const kept = this.tiles.get(url(level, row, column));
      if (!kept?.complete || !kept.naturalWidth) continue;
      const side = TILE / by;
      const x = (place.column % by) * side;
      const y = (place.row % by) * side;
      const width = Math.min(side, kept.naturalWidth - x);
      const height = Math.min(side, kept.naturalHeight - y);
      if (width <= 0 || height <= 0) return;
      const corner = this.toCanvas(place);
      const scale = this.view.scale * 2 ** level;
      context.drawImage(kept, x, y, width, height, corner.x, corner.y, width * scale, height * scale);
      return;
    }
  }

  #place(context, image, place, level) {
    const corner = this.toCanvas(place);
    const scale = this.view.scale * 2 ** level;
    // Edges on whole pixels of the screen, so that no line is seen between tiles.
    const ratio = window.devicePixelRatio || 1;
    const snap = (value) => Math.round(value * ratio) / ratio;
    const right = snap(corner.x + image.naturalWidth * scale);
    const bottom = snap(corner.y + image.naturalHeight * scale);
    const [x, y] = [snap(corner.x), snap(corner.y)];
    context.drawImage(image, x, y, right - x, bottom - y);
  }

  #draw() {
    const ratio = window.devicePixelRatio || 1;
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { width, height } = this.size;
    context.clearRect(0, 0, width, height);
    if (!this.image) return;
    context.imageSmoothingEnabled = this.view.scale < 1;
    context.imageSmoothingQuality = "high";
    for (const layer of this.layers) {
      if (layer.shown === false) continue;
      context.save();
      context.globalAlpha = layer.alpha ?? 1;
      if (layer.draw) layer.draw(context, this);
      else this.drawTiles(context, layer.url);
      context.restore();
    }
    for (const draw of this.over) {
      context.save();
      draw(context, this);
      context.restore();
    }
  }
}
