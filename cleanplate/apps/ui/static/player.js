// Plays the video (and the result beside it) into the stage: the file itself where the browser can, else short clips.

export class Player {
  // `shown(frame, pictures)` is called for each frame that is played: the <video>s to draw, by kind.
  constructor(api, facts, shown, stopped) {
    Object.assign(this, { api, facts, shown, stopped });
    this.clips = new Map(); // "kind/number" -> <video>
    this.isPlaying = false;
  }

  // With the result among the kinds only what it covers is played, a preview over and over.
  async play(frame, kinds) {
    const { stretch, count } = this.facts;
    this.isPlaying = true;
    this.kinds = kinds;
    [this.begin, this.stop] = kinds.includes("result") && stretch ? stretch : [0, count];
    this.repeats = this.stop - this.begin < count;
    await this.#start(frame >= this.begin && frame < this.stop - 1 ? frame : this.begin);
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    for (const clip of this.clips.values()) clip.pause();
    this.stopped();
  }

  close() {
    this.isPlaying = false;
    for (const clip of this.clips.values()) {
      clip.pause();
      clip.removeAttribute("src");
      clip.load();
    }
    this.clips.clear();
  }

  #number(kind, frame) {
    return this.facts.whole[kind] ? 0 : Math.floor(frame / this.facts.clip_frames);
  }

  #first(kind, number) {
    if (this.facts.whole[kind]) return kind === "result" ? this.facts.stretch[0] : 0;
    return number * this.facts.clip_frames;
  }

  #clip(kind, number) {
    const key = `${kind}/${number}`;
    let clip = this.clips.get(key);
    if (!clip) {
      clip = document.createElement("video");
      clip.muted = kind !== "source";
      clip.playsInline = true;
      clip.preload = "auto";
      clip.src = this.api.address(`play/${key}.mp4?v=${this.facts.versions[kind] ?? 0}`);
      this.clips.set(key, clip);
      if (this.clips.size > 6) {
        const [oldest, gone] = this.clips.entries().next().value;
        gone.removeAttribute("src");
        this.clips.delete(oldest);
      }
    }
    return clip;
  }

  async #start(frame) {
    const { starts } = this.facts;
    const playing = this.kinds.map((kind) => {
      const number = this.#number(kind, frame);
      return { kind, number, first: this.#first(kind, number), clip: this.#clip(kind, number) };
    });
    try {
      await Promise.all(playing.map((one) => ready(one.clip)));
      for (const one of playing) one.clip.currentTime = starts[frame] - starts[one.first] + 0.001;
      await Promise.all(playing.map((one) => one.clip.play()));
    } catch (error) {
      this.pause();
      throw error;
    }
    const lead = playing[0];
    const isWhole = this.facts.whole[lead.kind];
    const stop = isWhole ? this.stop : Math.min(lead.first + this.facts.clip_frames, this.stop);
    if (!isWhole && stop < this.stop) {
      for (const { kind, number } of playing) if (!this.facts.whole[kind]) this.#clip(kind, number + 1);
    }
    const pictures = Object.fromEntries(playing.map((one) => [one.kind, one.clip]));
    const onward = () => {
      if (!this.isPlaying || this.lead !== lead) return;
      if (stop < this.stop || this.repeats) {
        this.#start(stop < this.stop ? stop : this.begin).catch(() => this.pause());
      } else this.pause();
    };
    const step = (_, { mediaTime }) => {
      if (!this.isPlaying || this.lead !== lead) return;
      const now = frameAt(starts, starts[lead.first] + mediaTime + 0.0005);
      if (now >= this.stop) return onward();
      this.shown(now, pictures);
      lead.clip.requestVideoFrameCallback(step);
    };
    this.lead = lead;
    lead.clip.requestVideoFrameCallback(step);
    lead.clip.onended = onward;
  }
}

// The frame that is shown at that time.
function frameAt(starts, time) {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= time) low = middle;
    else high = middle;
  }
  return low;
}

function ready(clip) {
  if (clip.readyState >= 3) return Promise.resolve();
  return new Promise((resolve, reject) => {
    clip.addEventListener("canplay", resolve, { once: true });
    clip.addEventListener("error", () => reject(new Error("this cannot be played here")), { once: true });
  });
}
