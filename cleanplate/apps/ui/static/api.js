// Talks to the page's endpoints; every address begins with the project's own.

export class Api {
  constructor(base) {
    this.base = base;
    this.images = new Map(); // address -> promise of an image; the oldest go first
  }

  address(path) {
    return `${this.base}/${path}`;
  }

  async get(path) {
    return this.#answer(await fetch(this.address(path)));
  }

  async post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return this.#answer(await fetch(this.address(path), { method: "POST", headers, body: JSON.stringify(body) }));
  }

  // An image, or null where there is none. Those asked for last are kept.
  image(path, most = 48) {
    const found = this.images.get(path) ?? this.#load(path);
    this.images.delete(path);
    this.images.set(path, found);
    if (this.images.size > most) this.images.delete(this.images.keys().next().value);
    return found;
  }

  async #load(path) {
    const answer = await fetch(this.address(path));
    if (answer.status === 204) return null;
    if (!answer.ok) {
      this.images.delete(path);
      await this.#answer(answer);
    }
    return createImageBitmap(await answer.blob());
  }

  async #answer(answer) {
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error || said.detail || `the server answered ${answer.status}`);
    return said;
  }
}
