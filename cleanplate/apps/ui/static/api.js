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

  // `body`: a picture as it is, or what JSON can say.
  async post(path, body) {
    const isPicture = body instanceof Blob;
    const headers = { "Content-Type": isPicture ? body.type : "application/json" };
    const sent = isPicture ? body : JSON.stringify(body);
    return this.#answer(await fetch(this.address(path), { method: "POST", headers, body: sent }));
  }

  // An image, or null where there is none. Those asked for last are kept.
  image(path, most = 48) {
    const found = this.images.get(path) ?? this.load(path);
    this.images.delete(path);
    this.images.set(path, found);
    if (this.images.size > most) this.images.delete(this.images.keys().next().value);
    return found;
  }

  // The same, not kept; `how`: as `createImageBitmap` takes it.
  async load(path, how = {}) {
    const answer = await fetch(this.address(path));
    if (answer.status === 204) return null;
    if (!answer.ok) {
      this.images.delete(path);
      await this.#answer(answer);
    }
    return createImageBitmap(await answer.blob(), how);
  }

  async #answer(answer) {
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error || said.detail || `the server answered ${answer.status}`);
    return said;
  }
}
