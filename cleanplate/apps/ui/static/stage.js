// The picture: a frame, what is marked on it, and what the pointer does there.

const DIVIDER = "#ffffff";

export class Stage {
  // `tools` is asked for the tool in hand; `act` is told what was done: act(kind, {x, y} | {box} | {points}).
  constructor(canvas, tools, act) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.tools = tools;
    this.act = act;
    this.hand = null; // what is told of the pointer instead of `act`, while a frame is painted over
    this.layers = { picture: null, result: null, overlay: null, origin: null, painting: null };
    this.isBeside = false;
    this.split = 0.5; // where before meets after, 0-1
    this.drag = null;
    this.hover = null;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#drop());
    canvas.addEventListener("pointerleave", () => this.#leave());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  resize(width, height, shownWidth, shownHeight) {
    this.width = width; // of the video; the canvas is as large as the pictures that come
    this.height = height;
    this.shown = [shownWidth, shownHeight];
    this.besides(this.isBeside);
  }

  // Source and result each in half of a picture twice as wide, rather than with a line between them.
  besides(isBeside) {
    this.isBeside = isBeside;
    this.canvas.width = this.shown[0] * (isBeside ? 2 : 1);
    this.canvas.height = this.shown[1];
    this.canvas.style.setProperty("--ratio", this.canvas.width / this.canvas.height);
  }

  show(layers) {
    Object.assign(this.layers, layers);
    this.draw();
  }

  draw() {
    const { context: c, canvas } = this;
    const { picture, result, overlay, origin, painting } = this.layers;
    c.globalAlpha = 1;
    if (this.isBeside) return this.#drawBeside();
    if (picture) c.drawImage(picture, 0, 0, canvas.width, canvas.height);
    if (overlay) c.drawImage(overlay, 0, 0, canvas.width, canvas.height);
    if (painting) c.drawImage(painting.canvas, 0, 0, canvas.width, canvas.height);
    if (result) this.#drawResult(result, origin);
    this.#drawDrag();
  }

  #drawBeside() {
    const { context: c, canvas } = this;
    const { picture, result, overlay, origin } = this.layers;
    const width = canvas.width / 2;
    c.clearRect(0, 0, canvas.width, canvas.height);
    for (const [n, layers] of [[picture, overlay], [result, origin]].entries()) {
      for (const layer of layers) if (layer) c.drawImage(layer, n * (width + 1), 0, width - 1, canvas.height);
    }
  }

  #drawResult(result, origin) {
    const { context: c, canvas } = this;
    const x = Math.round(this.split * canvas.width);
    c.save();
    c.beginPath();
    c.rect(x, 0, canvas.width - x, canvas.height);
    c.clip();
    c.drawImage(result, 0, 0, canvas.width, canvas.height);
    if (origin) c.drawImage(origin, 0, 0, canvas.width, canvas.height);
    c.restore();
    const unit = canvas.width / Math.max(canvas.clientWidth, 1);
    c.fillStyle = DIVIDER;
    c.fillRect(x - unit, 0, 2 * unit, canvas.height);
    c.beginPath();
    c.arc(x, canvas.height / 2, 9 * unit, 0, 7);
    c.fill();
  }

  #drawDrag() {
    const { context: c, canvas, drag } = this;
    const unit = canvas.width / Math.max(canvas.clientWidth, 1);
    const scale = canvas.width / this.width;
    if (this.hand) return this.hand.draw(c, scale, unit, this.hover);
    c.lineWidth = 2 * unit;
    c.strokeStyle = this.tools.color();
    if (drag?.kind === "box") {
      const [x0, y0, x1, y1] = drag.box.map((edge) => edge * scale);
      c.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    if (drag?.points) {
      c.save();
      c.globalAlpha = 0.6;
      c.strokeStyle = drag.kind === "erase" ? DIVIDER : this.tools.color();
      c.lineWidth = 2 * this.tools.radius * scale;
      c.lineCap = c.lineJoin = "round";
      c.beginPath();
      for (const [x, y] of drag.points) c.lineTo((x + 0.5) * scale, (y + 0.5) * scale);
      c.lineTo((drag.points.at(-1)[0] + 0.51) * scale, (drag.points.at(-1)[1] + 0.5) * scale);
      c.stroke();
      c.restore();
    }
    if (this.hover && this.#isBrush()) {
      c.beginPath();
      c.arc((this.hover[0] + 0.5) * scale, (this.hover[1] + 0.5) * scale, this.tools.radius * scale, 0, 7);
      c.stroke();
    }
  }

  #isBrush() {
    return this.hand || (!this.layers.result && ["brush", "erase"].includes(this.tools.tool));
  }

  // Pixels of the video, pixel centres at whole numbers.
  #point(event) {
    const area = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * this.width - 0.5;
    const y = ((event.clientY - area.top) / area.height) * this.height - 0.5;
    return [Math.min(Math.max(x, 0), this.width - 1), Math.min(Math.max(y, 0), this.height - 1)];
  }

  #down(event) {
    if (!this.width || event.button === 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.#point(event);
    if (this.isBeside) return;
    if (this.hand) {
      this.drag = this.hand.down([x, y], event) ? { kind: "hand" } : null;
      return this.draw();
    }
    const tool = this.layers.result ? "split" : this.tools.tool;
    if (tool === "split") this.drag = { kind: "split" };
    else if (tool === "click") this.act("click", { x, y, is_in: event.button !== 2 && !this.tools.takesAway });
    else if (tool === "box") this.drag = { kind: "box", from: [x, y], box: [x, y, x, y] };
    else this.drag = { kind: event.button === 2 || this.tools.takesAway ? "erase" : tool, points: [[x, y]] };
    this.#move(event);
  }

  #move(event) {
    if (!this.width) return;
    const [x, y] = this.#point(event);
    this.hover = [x, y];
    const { drag } = this;
    if (drag?.kind === "split") this.split = x / this.width;
    if (drag?.kind === "box") {
      const [a, b] = drag.from;
      drag.box = [Math.min(a, x), Math.min(b, y), Math.max(a, x) + 1, Math.max(b, y) + 1].map(Math.round);
    }
    if (drag?.kind === "hand") this.hand?.move([x, y]);
    drag?.points?.push([x, y]);
    if (drag || this.#isBrush()) this.draw();
  }

  #up() {
    const { drag } = this;
    this.drag = null;
    if (drag?.kind === "hand") this.hand?.up();
    if (drag?.kind === "box" && drag.box[2] - drag.box[0] > 2 && drag.box[3] - drag.box[1] > 2) {
      this.act("box", { box: drag.box });
    }
    if (drag?.points) {
      this.act("stroke", { points: drag.points, radius: this.tools.radius, is_erasing: drag.kind === "erase" });
    }
    this.draw();
  }

  #drop() {
    if (this.drag?.kind === "hand") this.hand?.drop();
    this.drag = null;
    this.draw();
  }

  #leave() {
    this.hover = null;
    if (!this.drag && this.width) this.draw();
  }
}
