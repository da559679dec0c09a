// One thing after the other: an answer that is overtaken would bring back how things stood before.

const PATIENCE_MS = 10000; // so long a turn that nobody ends keeps others waiting

export class Turns {
  constructor() {
    this.last = Promise.resolve();
  }

  // Do it once all before is done.
  take(ask) {
    const asked = this.last.then(ask);
    this.last = asked.catch(() => {});
    return asked;
  }

  // Wait for a turn that lasts until `end`.
  begin() {
    return new Promise((begun) => {
      this.take(async () => {
        begun();
        await new Promise((end) => {
          this.end = end;
          setTimeout(end, PATIENCE_MS);
        });
      });
    });
  }

  end() {}
}
