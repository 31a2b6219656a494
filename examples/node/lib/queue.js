// A bounded queue between who reads a socket and who waits for an answer.
export class Queue {
  #items = [];
  #most;
  #wake = null;

  constructor(most) {
    this.#most = most;
  }

  /** What does not fit is dropped. */
  put(item) {
    if (this.#items.length < this.#most) this.#items.push(item);
    this.#wake?.();
  }

  /** The next item; null if none comes in time. */
  async take(withinMs) {
    if (this.#items.length === 0) {
      let timer;
      await new Promise((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, withinMs);
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    return this.#items.shift() ?? null;
  }
}
