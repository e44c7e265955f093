/** Something with work left for the end of the turn. */
export interface TurnTask {
  endTurn(): void;
}

/**
 * The end of a turn of the event loop: storage commits first, sockets after. Node runs the 'data' callbacks of many
 * sockets in one poll phase and setImmediate callbacks right behind it, so one immediate gathers a turn's I/O.
 *
 *     poll phase: data, data, data   |   check phase: storage tasks, then outboxes
 */
export class Turn {
  #storage: TurnTask[] = [];
  #outboxes: TurnTask[] = [];
  #scheduled = false;
  readonly #run: () => void = () => this.end();

  /** Calls `task.endTurn` at the end of this turn, before any outbox. The caller sees to it that it asks once a turn. */
  storageDirty(task: TurnTask): void {
    this.#storage.push(task);
    this.#schedule();
  }

  /** Calls `task.endTurn` at the end of this turn, after storage. The caller sees to it that it asks once a turn. */
  outboxDirty(task: TurnTask): void {
    this.#outboxes.push(task);
    this.#schedule();
  }

  /** Ends the turn now. Tests and the clean shutdown call it; the event loop does otherwise. */
  end(): void {
    this.#scheduled = false;
    // A task may dirty another one (a confirm reaches an outbox, a failed commit closes a channel), hence the loops.
    while (this.#storage.length > 0 || this.#outboxes.length > 0) {
      const storage = this.#storage;
      this.#storage = [];
      for (const task of storage) task.endTurn();
      const outboxes = this.#outboxes;
      this.#outboxes = [];
      for (const task of outboxes) task.endTurn();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
