/** Taken places at the head, beyond which the rest moves up. */
const takenMax = 1024;

/** First in, first out, however many there are. */
export class WaitingLine<T> {
  #items: (T | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#taken];
    if (this.#taken === this.#items.length) return undefined;
    this.#items[this.#taken++] = undefined;
    if (this.#taken === this.#items.length) {
      this.#items.length = 0;
      this.#taken = 0;
    } else if (this.#taken > takenMax && this.#taken * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#taken = 0;
  }
}
