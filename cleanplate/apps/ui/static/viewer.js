// The viewer: one frame at a time, exactly; tools to mark objects; play, scrub, compare.
// The page's buttons act in its turn, and ask it where the playhead is: window.cleanplate.act().

import { Api } from "./api.js";
import { Objects } from "./objects.js";
import { Painter } from "./painter.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";
import { drawStrip } from "./strip.js";
import { Turns } from "./turns.js";

const DRAWN = ["click", "box", "stroke"];
const KEYS = { c: "click", b: "box", p: "brush", e: "erase" };

export class Viewer {
  constructor(root, base) {
    this.root = root;
    this.base = base;
    this.tools = { tool: "click", radius: 8, takesAway: false, color: () => this.objects.color() };
    this.shows = { mask: true, result: false, beside: false, origin: false };
    this.turns = new Turns();
    this.frame = 0;
    this.facts = null;
    this.objects = new Objects(this.#one(".cp-objects"), (...said) => this.say(...said), () => this.redraw());
    this.stage = new Stage(this.#one(".cp-stage canvas"), this.tools, (kind, what) => this.#mark(kind, what));
    this.painter = new Painter(root, this.stage, this.tools, this);
    this.#listen();
  }

  // What the page's handlers are given, in their turn, which lasts until `acted`.
  async act() {
    await this.turns.begin();
    return { project: this.project ?? "", frame: this.frame };
  }

  // A handler has answered, and may have changed anything.
  acted() {
    this.turns.end();
    this.#tell();
  }

  async open(project, frame = null) {
    if (!project) return;
    const isNew = project !== this.project;
    if (isNew) {
      this.player?.close();
      this.painter.leave();
      this.project = project;
      this.api = new Api(`${this.base}/${project}`);
      this.objects.chosen = 1;
    }
    await this.refresh();
    const { width, height, shown, count } = this.facts;
    this.stage.resize(width, height, ...shown);
    this.#one("[data-scrub]").max = this.#one("[data-frame]").max = count - 1;
    this.root.dataset.state = "open";
    await this.show(frame ?? (isNew ? Number(sessionStorage.getItem(`cleanplate ${project}`)) : this.frame));
  }

  // Save the frame shown as a file, to be painted on in another program.
  save() {
    if (this.facts) window.open(this.api.address(`still/${this.frame}.png`), "_self");
  }

  // Paint over the frame shown, here: what is painted is taken, thrown away, or left for later.
  paint() {
    if (!this.facts || this.painter.isOn) return;
    this.player.pause();
    this.shows = { ...this.shows, result: false, beside: false, origin: false };
    this.#showAsPressed();
    this.painter.start();
  }

  // Ask anew what there is: after tracking, a preview or a run.
  refresh() {
    return this.turns.take(async () => {
      const facts = await this.api.get("state");
      if (facts.project === this.project) this.#take(facts); // else another one was opened meanwhile
    });
  }

  async show(frame) {
    if (!this.facts) return;
    this.frame = Math.min(Math.max(Math.round(frame), 0), this.facts.count - 1);
    this.#tellWhere();
    this.wanted = this.frame;
    if (this.isFetching) return; // the one under way looks again when it is done
    this.isFetching = true;
    try {
      while (this.wanted !== null) {
        const now = this.wanted;
        this.wanted = null;
        const layers = await this.#layers(now);
        if (layers) this.stage.show(layers);
      }
      sessionStorage.setItem(`cleanplate ${this.project}`, this.frame);
      this.root.dataset.shown = this.frame;
    } catch (error) {
      this.note(error.message);
    } finally {
      this.isFetching = false;
    }
  }

  note(text) {
    const note = this.#one(".cp-note");
    note.textContent = text;
    note.hidden = !text;
    clearTimeout(this.noteTimer);
    if (text) this.noteTimer = setTimeout(() => (note.hidden = true), 8000);
  }

  async #layers(frame) {
    const { versions } = this.facts;
    const showsResult = this.#showsResult();
    const [picture, overlay, result, origin, painting] = await Promise.all([
      this.api.image(`frame/${frame}.jpg`),
      this.shows.mask ? this.api.image(`overlay/${frame}.png?v=${versions.mask}`) : null,
      showsResult ? this.api.image(`result/${frame}.jpg?v=${versions.result}`) : null,
      showsResult && this.shows.origin ? this.api.image(`origin/${frame}.png?v=${versions.result}`) : null,
      this.painter.open(this.api, this.project, frame),
    ]);
    return { picture, overlay, result, origin, painting };
  }

  #showsResult() {
    return this.facts.has_result && (this.shows.result || this.shows.beside);
  }

  async redraw() {
    if (!this.player?.isPlaying) await this.show(this.frame);
  }

  async #mark(kind, what) {
    if (this.player?.isPlaying) return;
    await this.say(kind, { frame: this.frame, object: this.objects.chosen, ...what });
  }

  // The steps say anew how each object fared.
  #tell() {
    document.querySelector("#look").click();
  }

  // Tell the server something about the marks; whether it took it. `done`: what is said then, if the answer says nothing.
  say(path, body, done = "") {
    const { api } = this; // of the project that it is about, though another one be opened before its turn
    return this.turns.take(async () => {
      const busy = setTimeout(() => (this.#one(".cp-busy").hidden = false), 120);
      try {
        const { said = done, ...facts } = await api.post(path, await body);
        if (api === this.api) this.#take(facts);
        this.note(said);
        await this.redraw();
        if (!DRAWN.includes(path)) this.#tell();
        return true;
      } catch (error) {
        this.note(error.message);
        return false;
      } finally {
        clearTimeout(busy);
        this.#one(".cp-busy").hidden = true;
      }
    });
  }

  #take(facts) {
    const before = this.facts;
    this.facts = { ...before, ...facts };
    this.objects.take(this.facts.objects, this.facts.has_masks || this.facts.drawn.length > 0);
    if (!before || before.project !== this.facts.project || before.versions.result !== this.facts.versions.result) {
      this.player?.close();
      this.player = new Player(this.api, this.facts, (n, clips) => this.#played(n, clips), () => this.#paused());
    }
    this.player.facts = this.facts;
    const has = { result: this.facts.has_result, beside: this.facts.has_result, origin: this.facts.has_origin };
    for (const name in has) this.#one(`[data-show=${name}]`).disabled = !has[name];
    this.#tellWhere();
  }

  async #play() {
    if (!this.facts) return;
    if (this.player.isPlaying) return this.player.pause();
    const from = this.frame >= this.facts.count - 1 ? 0 : this.frame;
    this.#one("[data-play]").textContent = "Pause";
    const kinds = this.#showsResult() ? ["source", "result"] : ["source"];
    try {
      await this.player.play(from, kinds);
    } catch (error) {
      this.note(error.message);
      this.#paused();
    }
  }

  #played(frame, clips) {
    this.frame = frame;
    this.#tellWhere();
    const overlay = this.passing ?? null;
    this.stage.show({ picture: clips.source, result: clips.result ?? null, origin: null, overlay, painting: null });
    if (this.shows.mask && !this.isPassing && this.facts.has_masks) { // masks as they can be had while it plays
      this.isPassing = true;
      this.api
        .image(`overlay/${frame}.png?v=${this.facts.versions.mask}`)
        .then((overlay) => (this.passing = overlay))
        .catch(() => {})
        .finally(() => (this.isPassing = false));
    }
  }

  #paused() {
    this.passing = null;
    this.#one("[data-play]").textContent = "Play";
    this.show(this.frame);
  }

  #tellWhere() {
    const { starts } = this.facts;
    const time = starts[this.frame] ?? 0;
    this.#one("[data-scrub]").value = this.frame;
    const field = this.#one("[data-frame]");
    if (field !== document.activeElement) field.value = this.frame;
    const minutes = Math.floor(time / 60);
    this.#one("[data-time]").textContent = `${minutes}:${(time - 60 * minutes).toFixed(3).padStart(6, "0")}`;
    drawStrip(this.#one(".cp-strip"), this.facts, this.frame);
  }

  #choose(tool) {
    this.tools.tool = tool;
    this.#press("[data-tool]", (button) => button.dataset.tool === tool);
    this.root.dataset.tool = tool;
  }

  #toggle(name) {
    if (this.#one(`[data-show=${name}]`).disabled || (this.painter.isOn && name !== "mask")) return;
    this.shows[name] = !this.shows[name];
    if (this.shows[name]) { // before/after with a line, or side by side; the origin is of either
      if (name === "result") this.shows.beside = false;
      if (name === "beside") this.shows.result = false;
      if (name === "origin" && !this.shows.beside) this.shows.result = true;
    }
    this.#showAsPressed();
    if (this.player.isPlaying) this.player.pause();
    this.redraw();
  }

  #showAsPressed() {
    this.stage.besides(this.shows.beside);
    this.#press("[data-show]", (button) => this.shows[button.dataset.show]);
  }

  #takeAway() {
    this.tools.takesAway = !this.tools.takesAway;
    this.#press("[data-takes]", () => this.tools.takesAway);
  }

  #undo() {
    if (this.painter.isOn) return this.painter.undo();
    this.say("undo", { frame: this.frame });
  }

  #one(selector) {
    return this.root.querySelector(selector);
  }

  #press(selector, is) {
    for (const button of this.root.querySelectorAll(selector)) button.setAttribute("aria-pressed", is(button));
  }

  #listen() {
    this.root.addEventListener("click", ({ target }) => {
      const said = target.closest("button")?.dataset;
      if (!said || !this.facts) return;
      if (said.tool) this.#choose(said.tool);
      if (said.show) this.#toggle(said.show);
      if (said.step) this.#step(Number(said.step));
      if ("takes" in said) this.#takeAway();
      if ("undo" in said) this.#undo();
      if ("play" in said) this.#play();
    });
    this.#one("[data-size]").addEventListener("input", ({ target }) => (this.tools.radius = target.value / 2));
    this.#one("[data-scrub]").addEventListener("input", ({ target }) => this.#seek(target.valueAsNumber));
    this.#one("[data-frame]").addEventListener("change", ({ target }) => this.#seek(target.valueAsNumber || 0));
    document.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.facts && this.#tellWhere()).observe(this.#one(".cp-track"));
  }

  #seek(frame) {
    this.player?.pause();
    this.show(frame);
  }

  #step(by) {
    this.#seek(this.frame + by);
  }

  #key(event) {
    const isTyping = event.target.closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");
    if (isTyping || !this.facts || !this.root.isConnected || event.altKey || event.metaKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.#step(Math.max(Math.min(steps[event.key] * (event.shiftKey ? 10 : 1), this.facts.count), -this.facts.count));
    } else if (event.ctrlKey && event.key === "z") this.#undo();
    else if (event.ctrlKey) return;
    else if (event.key === " " && event.target.tagName !== "BUTTON") this.#play();
    else if (event.key === "m") this.#toggle("mask");
    else if (this.painter.isOn) {
      if (!this.painter.key(event.key)) return;
    } else if (event.key in KEYS) this.#choose(KEYS[event.key]);
    else if (event.key === "x") this.#takeAway();
    else if (event.key === "r") this.#toggle("result");
    else return;
    event.preventDefault();
  }
}
