// Paints over the frame shown, with a colour or with what stands elsewhere in it; marks rest meanwhile.
//
// What is painted is kept for each frame until it is thrown away, also when the page is loaded anew; once it is taken,
// it can still be gone on with.

import { Painting } from "./painting.js";

const KEYS = { c: "clone", p: "color" };
const DARK = "#000000";
const LIGHT = "#ffffff";

export class Painter {
  // `page`: the viewer, for what it can say, ask and show.
  constructor(root, stage, tools, page) {
    Object.assign(this, { root, stage, tools, page });
    this.kept = new Map(); // "project/frame" -> {strokes, taken: the last stroke that was}
    this.color = this.#one("[data-color]");
    this.isOn = false;
    this.source = null; // where the next stroke begins to copy from, or the last one did
    this.offset = null; // from the brush to there, once a stroke has begun
    this.drawn = null; // what a stroke is under way on
    this.choose("clone");
    root.addEventListener("click", ({ target }) => {
      const said = target.closest("button")?.dataset;
      if (!said || !this.isOn) return;
      if (said.brush) this.choose(said.brush);
      if ("pick" in said) this.#pick(!this.isPicking);
      if ("take" in said) this.#take();
      if ("discard" in said) this.#discard();
      if ("leave" in said) this.leave();
    });
  }

  start() {
    this.isOn = true;
    this.stage.hand = this;
    this.root.dataset.painting = "";
    this.root.scrollIntoView({ block: "nearest" });
    this.choose(this.brush);
    this.page.redraw();
  }

  leave() {
    if (!this.isOn) return;
    const { painting } = this;
    this.up();
    this.isOn = false;
    this.last = null; // the strokes are kept; the pixels follow from them
    this.stage.hand = null;
    delete this.root.dataset.painting;
    if (painting && this.#isWaiting(painting)) {
      this.page.note(`What is painted on frame ${painting.frame} is kept here until it is taken or thrown away.`);
    }
    this.page.redraw();
  }

  // What is painted over a frame, to be shown; null while nothing is to be.
  async open(api, project, frame) {
    if (!this.isOn) return null;
    const key = `${project}/${frame}`;
    if (this.last?.key === key) return this.last;
    const address = `still/${frame}.png?is_shallow=true`; // a canvas has 8 bits, and browsers do not round to them
    const picture = await api.load(address, { colorSpaceConversion: "none" });
    if (!this.kept.has(key)) this.kept.set(key, { strokes: recalled(key) });
    this.last = new Painting(frame, picture, this.kept.get(key).strokes);
    picture.close();
    return Object.assign(this.last, { key });
  }

  choose(brush) {
    this.brush = brush;
    this.root.dataset.hand = brush;
    for (const button of this.root.querySelectorAll("[data-brush]")) {
      button.setAttribute("aria-pressed", button.dataset.brush === brush);
    }
    this.#pick(this.isOn && brush === "clone" && !this.source);
    if (this.isPicking) this.page.note("Click where to copy from, then paint over what is to go and a little beyond it.");
  }

  undo() {
    if (this.drawn || !this.painting?.strokes.length) return;
    this.painting.undo();
    remember(this.painting);
    this.stage.draw();
  }

  // Whether that key means something here.
  key(key) {
    if (key in KEYS) this.choose(KEYS[key]);
    else if (key === "Escape") this.leave();
    else return false;
    return true;
  }

  // The stage's hand: what the pointer does, in pixels of the video

  down(point, event) {
    const { painting } = this;
    if (!painting) return false;
    const lacksSource = this.brush === "clone" && !this.source;
    if (this.isPicking || lacksSource || event.button === 2 || event.altKey) {
      this.#pickAt(point.map(Math.round));
      return false;
    }
    const stroke = { radius: this.tools.radius, points: [point] };
    if (this.brush === "color") stroke.color = rgbOf(this.color.value);
    else {
      this.offset ??= [0, 1].map((n) => this.source[n] - Math.round(point[n]));
      stroke.offset = this.offset;
    }
    painting.begin(stroke);
    this.drawn = painting;
    return true;
  }

  move(point) {
    this.drawn?.extend(point);
  }

  up() {
    if (this.drawn) remember(this.drawn);
    this.drawn = null;
  }

  drop() {
    this.drawn = null;
    this.undo();
  }

  draw(c, scale, unit, hover) {
    if (!hover) return;
    const ring = (x, y, radius) => {
      for (const [color, width] of [[DARK, 3], [LIGHT, 1.25]]) {
        c.strokeStyle = color;
        c.lineWidth = width * unit;
        c.beginPath();
        c.arc((x + 0.5) * scale, (y + 0.5) * scale, radius, 0, 7);
        c.stroke();
      }
    };
    if (!this.isPicking) ring(...hover, this.tools.radius * scale);
    if (this.brush === "clone" && this.source && !this.isPicking) {
      const at = this.offset ? [hover[0] + this.offset[0], hover[1] + this.offset[1]] : this.source;
      ring(...at, 4 * unit);
    }
  }

  get painting() {
    return this.isOn ? this.stage.layers.painting : null; // what is seen is what is painted on
  }

  #isWaiting(painting) {
    const kept = this.kept.get(painting.key);
    return kept !== undefined && painting.strokes.length > 0 && painting.strokes.at(-1) !== kept.taken;
  }

  #pick(isPicking) {
    this.isPicking = isPicking;
    this.#one("[data-pick]").setAttribute("aria-pressed", isPicking);
  }

  #pickAt(point) {
    if (this.brush === "color") this.color.value = hexOf(this.painting.color(...point));
    else [this.source, this.offset] = [point, null];
    this.#pick(false);
    this.page.note("");
  }

  async #take() {
    const { painting } = this;
    if (!painting) return;
    const kept = this.kept.get(painting.key);
    const last = painting.strokes.at(-1);
    if (!(await this.page.say(`paint/${painting.frame}`, painting.png()))) return;
    kept.taken = last;
    if (painting === this.painting) this.leave();
  }

  #discard() {
    const { painting } = this;
    if (!painting) return;
    const { taken } = this.kept.get(painting.key);
    this.kept.delete(painting.key);
    sessionStorage.removeItem(nameOf(painting.key));
    this.leave();
    if (taken) this.page.note(`Frame ${painting.frame} is used as it was taken, until painted frames are forgotten.`);
  }

  #one(selector) {
    return this.root.querySelector(selector);
  }
}

const nameOf = (key) => `cleanplate painted ${key}`;
const recalled = (key) => JSON.parse(sessionStorage.getItem(nameOf(key)) ?? "[]");

function remember({ key, strokes }) {
  try {
    sessionStorage.setItem(nameOf(key), JSON.stringify(strokes));
  } catch {
    // the browser has no room for more; then they last until the page is closed
  }
}

const rgbOf = (hex) => [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16));
const hexOf = (rgb) => `#${rgb.map((level) => level.toString(16).padStart(2, "0")).join("")}`;
