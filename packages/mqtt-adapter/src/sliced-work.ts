/** What a task has come to: it can go on at once, it waits and will be added again, or there is nothing left of it. */
export type SliceResult = "more" | "waits" | "done";

/** Work that would take too long in one go. */
export interface SlicedTask {
  /** Does at most `steps` steps. */
  run(steps: number): SliceResult;
}

const stepsPerSlice = 32;
const stepsPerTurn = 512;
const turnMsMax = 4;

/** Tasks that share a small part of each turn of the event loop, so that all other clients go on meanwhile. */
export class SlicedWork {
  readonly #tasks: SlicedTask[] = [];
  #scheduled: NodeJS.Immediate | null = null;

  /** Runs `task` from the next turn on. A task must not be added again before it waits or is done. */
  add(task: SlicedTask): void {
    this.#tasks.push(task);
    this.#schedule();
  }

  close(): void {
    this.#tasks.length = 0;
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = null;
    const endMs = performance.now() + turnMsMax;
    for (let steps = 0; steps < stepsPerTurn; steps += stepsPerSlice) {
      const task = this.#tasks.shift();
      if (task === undefined) return;
      // One after the other, to each as often as to the next.
      if (task.run(stepsPerSlice) === "more") this.#tasks.push(task);
      if (performance.now() > endMs) break;
    }
    if (this.#tasks.length > 0) this.#schedule();
  }
}
