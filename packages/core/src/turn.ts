import type { Containment, FailurePlace } from "./containment.ts";

/** Something with work left for the end of the turn. */
export interface TurnTask {
  endTurn(): void;
  /** `endTurn` threw: ends what cannot go on. Others go on. */
  failed?(error: unknown): void;
}

/** Says before bytes leave whether what was decided in this turn still holds. */
export interface TurnGuard {
  mayLeave(): boolean;
}

/** What has bytes for a client. */
export interface TurnOutbox extends TurnTask {
  /** Hands over what is gathered, without waiting for the end of the turn; false where it may not leave for now. */
  flush(): boolean;
  /** Lets go what it was told to keep. */
  release(): void;
  /** Forgets its bytes, and the connection with them. */
  drop(): void;
}

/**
 * The end of a turn of the event loop: storage commits first, sockets after. Node runs the 'data' callbacks of many
 * sockets in one poll phase and setImmediate callbacks right behind it, so one immediate gathers a turn's I/O.
 *
 *     poll phase: data, data, data   |   check phase: storage tasks, then outboxes
 */
export class Turn {
  #storage: TurnTask[] = [];
  #outboxes: TurnOutbox[] = [];
  /** Null where nothing can come between a decision and its way out. */
  guard: TurnGuard | null = null;
  /** Takes what a task throws; without it the first one ends the turn. */
  containment: Containment | null = null;
  readonly #kept = new Set<TurnOutbox>();
  /** Nothing of this turn may leave. */
  #keeps = false;
  #scheduled = false;
  readonly #run: () => void = () => this.end();

  /** Calls `task.endTurn` at the end of this turn, before any outbox. The caller sees to it that it asks once a turn. */
  storageDirty(task: TurnTask): void {
    this.#storage.push(task);
    this.#schedule();
  }

  /** Calls `outbox.endTurn` at the end of this turn, after storage. The caller sees to it that it asks once a turn. */
  outboxDirty(outbox: TurnOutbox): void {
    this.#outboxes.push(outbox);
    this.#schedule();
  }

  /** Ends the turn now. Tests and the clean shutdown call it; the event loop does otherwise. */
  end(): void {
    this.#scheduled = false;
    // A task may dirty another one (a confirm reaches an outbox, a failed commit closes a channel), hence the loops.
    while (this.#storage.length > 0 || this.#outboxes.length > 0) {
      const storage = this.#storage;
      this.#storage = [];
      for (const task of storage) this.#endTask(task);
      const outboxes = this.#outboxes;
      this.#outboxes = [];
      for (const outbox of outboxes) this.#endOutbox(outbox);
    }
    this.#keeps = false;
  }

  // Each fails alone: what others gathered in this turn is theirs.

  #endTask(task: TurnTask): void {
    try {
      task.endTurn();
    } catch (error) {
      this.#contain("turn", error, () => task.failed?.(error));
    }
  }

  #endOutbox(outbox: TurnOutbox): void {
    try {
      outbox.endTurn();
    } catch (error) {
      this.#contain("outbox", error, () => outbox.drop());
    }
  }

  #leave(outbox: TurnOutbox, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#contain("outbox", error, () => outbox.drop());
    }
  }

  #contain(place: FailurePlace, error: unknown, end: () => void): void {
    if (this.containment === null) throw error;
    this.containment.failed(place, error);
    this.containment.run(place, end);
  }

  /** Lets go what has been gathered in this turn so far. */
  flush(): void {
    for (const outbox of this.#outboxes) this.#leave(outbox, () => outbox.flush());
  }

  /** Asked whenever bytes are about to leave: false where they have to be handed to `keep` instead. */
  mayLeave(): boolean {
    if (this.guard === null) return true;
    return !this.#keeps && this.guard.mayLeave();
  }

  /** Nothing leaves any more before the end of this turn. */
  keepBytes(): void {
    this.#keeps = true;
    this.#schedule();
  }

  /** Takes what may not leave until `releaseKept` or `dropKept`. */
  keep(outbox: TurnOutbox): void {
    this.#kept.add(outbox);
  }

  releaseKept(): void {
    this.#keeps = false;
    const kept = [...this.#kept];
    this.#kept.clear();
    for (const outbox of kept) this.#leave(outbox, () => outbox.release());
  }

  /** Drops what is kept, with all that this turn has gathered so far where that is to be kept. What comes now may leave. */
  dropKept(): void {
    const dropped = [...this.#kept, ...(this.#keeps ? this.#outboxes : [])];
    this.#kept.clear();
    for (const outbox of dropped) this.#leave(outbox, () => outbox.drop());
    this.#keeps = false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
