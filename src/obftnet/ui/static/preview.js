// A score map made small: what a threshold and a least region mark, while a slider moves.
//
// Each of its pixels holds the largest score of step x step pixels of the image, so that nothing small is lost;
// what is marked is an outline of what the server marks, which is asked for when the slider rests.

import { address } from "./api.js";

const COLOR = 0xffdc00ff; // the mask's, as bytes a b g r

export class Preview {
  static async load(name, parameters = {}) {
    const response = await fetch(address(`tried/${encodeURIComponent(name)}/preview`, parameters));
    if (!response.ok) return null;
    const size = (header) => Number(response.headers.get(header));
    const scores = new Uint16Array(await response.arrayBuffer());
    return new Preview(scores, size("X-Width"), size("X-Height"), size("X-Step"));
  }

  constructor(scores, width, height, step) {
    Object.assign(this, { scores, width, height, step });
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  // Mark what is above the threshold in pieces of the least area, in pixels of the image, and what lies around it
  // above the low threshold, if there is one.
  mark({ threshold, low_threshold: low, min_area: area }) {
    const { scores, pixels } = this;
    const level = threshold * 65535;
    for (let index = 0; index < scores.length; index++) pixels[index] = scores[index] > level ? COLOR : 0;
    const least = area / (this.step * this.step);
    if (least > 1) this.#drop(least);
    if (low !== null && low < threshold) this.#grow(low * 65535);
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }

  // Pieces of fewer pixels go. Pixels touch by a side or a corner.
  #drop(least) {
    const { pixels, width, height } = this;
    this.seen ??= new Uint8Array(pixels.length);
    this.seen.fill(0);
    const { seen } = this;
    const piece = [];
    for (let start = 0; start < pixels.length; start++) {
      if (!pixels[start] || seen[start]) continue;
      piece.length = 0;
      piece.push(start);
      seen[start] = 1;
      for (let at = 0; at < piece.length; at++) {
        const x = piece[at] % width;
        const y = (piece[at] - x) / width;
        for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
          for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
            const next = row * width + column;
            if (pixels[next] && !seen[next]) {
              seen[next] = 1;
              piece.push(next);
            }
          }
        }
      }
      if (piece.length < least) for (const at of piece) pixels[at] = 0;
    }
  }

  // What touches a marked pixel and is above a level is marked.
  #grow(level) {
    const { pixels, scores, width, height } = this;
    const edge = [];
    for (let at = 0; at < pixels.length; at++) if (pixels[at]) edge.push(at);
    while (edge.length) {
      const at = edge.pop();
      const x = at % width;
      const y = (at - x) / width;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (pixels[next] || scores[next] <= level) continue;
          pixels[next] = COLOR;
          edge.push(next);
        }
      }
    }
  }

  // The map itself in colours, from dark to bright.
  heat() {
    if (!this.hot) {
      this.hot = document.createElement("canvas");
      this.hot.width = this.width;
      this.hot.height = this.height;
      const image = new ImageData(this.width, this.height);
      const table = new Uint32Array(256);
      for (let value = 0; value < 256; value++) {
        // From black by blue and red to yellow: brightness rises with the score.
        const share = value / 255;
        const red = Math.min(255, Math.round(510 * Math.max(0, share - 0.15)));
        const green = Math.round(255 * Math.max(0, (share - 0.5) * 2));
        const blue = Math.round(255 * Math.max(0, Math.sin(share * Math.PI) * 0.7 * (1 - share * 0.4)));
        table[value] = 0xff000000 | (blue << 16) | (green << 8) | red;
      }
      const pixels = new Uint32Array(image.data.buffer);
      for (let index = 0; index < pixels.length; index++) pixels[index] = table[this.scores[index] >> 8];
      this.hot.getContext("2d").putImageData(image, 0, 0);
    }
    return this.hot;
  }

  draw(context, viewer, canvas) {
    const corner = viewer.toCanvas({ x: 0, y: 0 });
    const scale = viewer.view.scale * this.step;
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, corner.x, corner.y, this.width * scale, this.height * scale);
  }
}
