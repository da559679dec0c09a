// What is painted over one frame: strokes, and the layer of pixels that follows from them, at the frame's full size.
//
// A pixel of the layer is painted or see-through, nothing between: so a canvas keeps it exactly, and the server takes
// no more than what was painted. Where strokes meet, the later one is mixed in softly; its rim has nothing else to mix
// with, for what lies under it is to go.

const LEAST_RADIUS = 0.75; // a smaller brush misses the pixel centres
const FIRM = 0.6; // of the radius: as far as a stroke covers those before wholly

export class Painting {
  // `picture`: the frame, without loss. `strokes`: {radius, points} with a `color` [r, g, b], or with an `offset`
  // [x, y] to where it copies from; those that come are added to it.
  constructor(frame, picture, strokes) {
    const { width, height } = picture;
    Object.assign(this, { frame, width, height, strokes });
    const seen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    seen.drawImage(picture, 0, 0);
    this.under = seen.getImageData(0, 0, width, height).data;
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.layer = new ImageData(width, height);
    this.before = new Uint8ClampedArray(this.layer.data); // as it was when the stroke began: what is copied from
    this.cover = new Uint8Array(width * height); // by the stroke, 0-255
    this.changed = null; // the rows that the stroke reached, half-open
    this.#lay();
  }

  // What is seen there: [r, g, b].
  color(x, y) {
    const at = 4 * (y * this.width + x);
    return [...(this.layer.data[at + 3] ? this.layer.data : this.under).subarray(at, at + 3)];
  }

  begin(stroke) {
    this.#settle();
    this.strokes.push(stroke);
    this.#follow(stroke, stroke.points[0], stroke.points[0]);
  }

  extend(point) {
    const stroke = this.strokes.at(-1);
    this.#follow(stroke, stroke.points.at(-1), point);
    stroke.points.push(point);
  }

  // Take back the last stroke: the others make the layer anew.
  undo() {
    this.strokes.pop();
    for (const one of [this.layer.data, this.before, this.cover]) one.fill(0);
    this.changed = null;
    this.#lay();
  }

  // The layer as a PNG.
  png() {
    return this.canvas.convertToBlob({ type: "image/png" });
  }

  #lay() {
    for (const stroke of this.strokes) {
      this.#settle();
      stroke.points.forEach((point, n) => this.#cover(stroke, stroke.points[Math.max(n - 1, 0)], point));
    }
    this.#show(0, 0, this.width, this.height);
  }

  #follow(stroke, from, to) {
    const box = this.#cover(stroke, from, to);
    if (box) this.#show(...box);
  }

  #show(x, y, width, height) {
    this.context.putImageData(this.layer, 0, 0, x, y, width, height);
  }

  // What the stroke has changed is what the next one finds.
  #settle() {
    if (!this.changed) return;
    const [first, stop] = this.changed.map((row) => row * this.width);
    this.before.set(this.layer.data.subarray(4 * first, 4 * stop), 4 * first);
    this.cover.fill(0, first, stop);
    this.changed = null;
  }

  // One straight part of a stroke; the box [x, y, width, height] that it reached, if it reached any.
  #cover({ radius, color, offset }, [ax, ay], [bx, by]) {
    const { width, height, cover } = this;
    const r = Math.max(radius, LEAST_RADIUS);
    const x0 = Math.max(Math.ceil(Math.min(ax, bx) - r), 0);
    const y0 = Math.max(Math.ceil(Math.min(ay, by) - r), 0);
    const x1 = Math.min(Math.floor(Math.max(ax, bx) + r) + 1, width);
    const y1 = Math.min(Math.floor(Math.max(ay, by) + r) + 1, height);
    if (x0 >= x1 || y0 >= y1) return null;
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const along = length2 ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0), 1) : 0;
        const away = Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
        if (away > r) continue;
        const share = Math.min(1 + Math.round((254 * (1 - away / r)) / (1 - FIRM)), 255);
        const n = y * width + x;
        if (share <= cover[n]) continue;
        cover[n] = share;
        if (color) this.#put(n, share, color, 0);
        else {
          const [u, v] = [x + offset[0], y + offset[1]];
          if (u < 0 || v < 0 || u >= width || v >= height) continue; // there is nothing to copy
          const at = 4 * (v * width + u);
          this.#put(n, share, this.before[at + 3] ? this.before : this.under, at);
        }
      }
    }
    const [first, stop] = this.changed ?? [y0, y1];
    this.changed = [Math.min(first, y0), Math.max(stop, y1)];
    return [x0, y0, x1 - x0, y1 - y0];
  }

  // Mix the color that begins at `from` in `paint` into what was there; where nothing was, it is taken as it is.
  #put(n, share, paint, from) {
    const at = 4 * n;
    const { before } = this;
    const { data } = this.layer;
    const part = before[at + 3] ? share / 255 : 1;
    for (let c = 0; c < 3; c++) data[at + c] = before[at + c] + part * (paint[from + c] - before[at + c]);
    data[at + 3] = 255;
  }
}
