// The row of objects: a colour, a name to change, and which one is marked now.

export class Objects {
  constructor(row, say, changed) {
    Object.assign(this, { row, say, changed });
    this.chosen = 1;
    this.list = [];
  }

  color() {
    return this.list.find((one) => one.id === this.chosen)?.color ?? "#ffffff";
  }

  // `isMarked`: there is something to forget, though there be one object alone.
  take(list, isMarked) {
    this.list = list;
    this.canForget = isMarked || list.length > 1;
    if (!list.some((one) => one.id === this.chosen)) this.chosen = list[0]?.id ?? 1;
    this.#draw();
  }

  #draw() {
    if (this.row.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    this.row.replaceChildren(...this.list.map((one) => this.#chip(one)), this.#button("Add object", () => this.#add()));
  }

  #chip(one) {
    const chip = document.createElement("span");
    chip.className = "cp-chip";
    chip.style.setProperty("--object", one.color);
    chip.dataset.object = one.id;
    chip.setAttribute("aria-current", one.id === this.chosen);
    const name = document.createElement("input");
    name.value = one.name;
    name.maxLength = 40;
    name.size = Math.max(one.name.length, 4);
    name.setAttribute("aria-label", `Name of object ${one.id}`);
    name.addEventListener("focus", () => this.#choose(one.id, chip));
    name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
    name.addEventListener("change", () => this.say("object", { object: one.id, name: name.value }));
    chip.addEventListener("click", () => this.#choose(one.id, chip));
    chip.append(name);
    if (this.canForget) {
      const said = `${one.name} is forgotten, with its marks and masks; Undo brings it back.`;
      const away = this.#button("×", () => this.say("forget", { object: one.id }, said));
      away.title = `Forget ${one.name}`;
      away.setAttribute("aria-label", away.title);
      chip.append(away);
    }
    return chip;
  }

  #choose(id, chip) {
    this.chosen = id;
    for (const other of this.row.children) other.setAttribute("aria-current", other === chip);
    this.changed();
  }

  async #add() {
    const id = Math.max(0, ...this.list.map((one) => one.id)) + 1;
    await this.say("object", { object: id, name: `object ${id}` });
    this.chosen = id;
    this.#draw();
  }

  #button(text, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      act();
    });
    return button;
  }
}
