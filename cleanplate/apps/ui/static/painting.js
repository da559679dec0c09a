// What is painted over one frame: strokes, and the layer of pixels that follows from them, at the frame's full size.
//
// A pixel of the layer is painted or see-through, nothing between: so a canvas keeps it exactly, and the server takes
// no more than what was painted. Where strokes meet, the later one is mixed in softly; its rim has nothing else to mix
// with, for what lies under it is to go.

const LEAST_RADIUS = 0.75; // a smaller brush misses the pixel centres
const FIRM = 0.6; // of the radius: as far as a stroke covers those before wholly
const MOST_BYTES = 64 * 1024 ** 2; // of what stood under the last strokes; those before are taken back more slowly

export class Painting {
  // `picture`: the frame, without loss. `strokes`: {radius, points} with a `color` [r, g, b], or with an `offset`
  // [x, y] to where it copies from; those that come are added to it. Points lie in the frame.
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
    this.changed = null; // the box that the stroke reached, half-open
    this.stood = []; // {box, pixels} under each of the last strokes
    this.bytes = 0; // of those
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

  // Take back the last stroke.
  undo() {
    this.#settle();
    this.strokes.pop();
    const stood = this.stood.pop();
    if (stood) return this.#restore(stood);
    for (const one of [this.layer.data, this.before]) one.fill(0);
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
    this.#show(...this.#cover(stroke, from, to));
  }

  #show(x, y, width, height) {
    this.context.putImageData(this.layer, 0, 0, x, y, width, height);
  }

  // What the stroke has changed is what the next one finds.
  #settle() {
    if (!this.changed) return;
    const box = this.changed;
    const pixels = new Uint8ClampedArray(4 * (box[2] - box[0]) * (box[3] - box[1]));
    this.#rows(box, (first, stop, at) => {
      pixels.set(this.before.subarray(4 * first, 4 * stop), at);
      this.before.set(this.layer.data.subarray(4 * first, 4 * stop), 4 * first);
      this.cover.fill(0, first, stop);
    });
    this.changed = null;
    this.stood.push({ box, pixels });
    this.bytes += pixels.length;
    while (this.bytes > MOST_BYTES) this.bytes -= this.stood.shift().pixels.length;
  }

  #restore({ box, pixels }) {
    this.bytes -= pixels.length;
    this.#rows(box, (first, stop, at) => {
      const row = pixels.subarray(at, at + 4 * (stop - first));
      for (const one of [this.layer.data, this.before]) one.set(row, 4 * first);
    });
    this.#show(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }

  // Each row of a box: its first pixel, the one after its last, and where it begins in the box's own bytes.
  #rows([x0, y0, x1, y1], act) {
    for (let y = y0; y < y1; y++) act(y * this.width + x0, y * this.width + x1, 4 * (y - y0) * (x1 - x0));
  }

  // One straight part of a stroke; the box [x, y, width, height] that it reached.
  #cover({ radius, color, offset }, [ax, ay], [bx, by]) {
    const { width, height, cover } = this;
    const r = Math.max(radius, LEAST_RADIUS);
    const x0 = Math.max(Math.ceil(Math.min(ax, bx) - r), 0);
    const y0 = Math.max(Math.ceil(Math.min(ay, by) - r), 0);
    const x1 = Math.min(Math.floor(Math.max(ax, bx) + r) + 1, width);
    const y1 = Math.min(Math.floor(Math.max(ay, by) + r) + 1, height);
    const [dx, dy] = [bx - ax, by - ay];
    const length2 = Math.max(dx * dx + dy * dy, Number.MIN_VALUE);
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const n = y * width + x;
        if (cover[n] === 255) continue;
        const along = Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length2, 0), 1);
        const ex = x - ax - along * dx;
        const ey = y - ay - along * dy;
        const away2 = ex * ex + ey * ey;
        if (away2 > r * r) continue;
        const share = Math.min(1 + Math.round((254 * (1 - Math.sqrt(away2) / r)) / (1 - FIRM)), 255);
        if (share <= cover[n]) continue;
        cover[n] = share;
        if (color) this.#put(n, share, color, 0);
        else {
          const u = x + offset[0];
          const v = y + offset[1];
          if (u < 0 || v < 0 || u >= width || v >= height) continue; // there is nothing to copy
          const at = 4 * (v * width + u);
          this.#put(n, share, this.before[at + 3] ? this.before : this.under, at);
        }
      }
    }
    const [a, b, c, d] = this.changed ?? [x0, y0, x1, y1];
    this.changed = [Math.min(a, x0), Math.min(b, y0), Math.max(c, x1), Math.max(d, y1)];
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
