import type { Lsn } from "./storage-engine.ts";
import type { Turn, TurnWaiter } from "./turn.ts";

interface PendingPromise {
  readonly lsn: Lsn;
  readonly resolve: () => void;
}

/** Resolved in one turn. What each of them goes on with comes behind the turn, where no budget looks. */
const resolvedAtOnce = 256;

/** Who waits for the watermark with a promise: changes of the topology, transactions, logins. Resolved in slices. */
export class DurabilityPromises implements TurnWaiter {
  readonly #turn: Turn;
  #pending: PendingPromise[] = [];
  #resolved = 0;
  #durable: Lsn = 0;
  #waitsForTurn = false;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Resolves when the watermark has reached `lsn`. */
  add(lsn: Lsn): Promise<void> {
    return new Promise((resolve) => this.#pending.push({ lsn, resolve }));
  }

  /** The watermark moved. */
  advanced(durable: Lsn): void {
    this.#durable = durable;
    if (!this.#waitsForTurn) this.takeTurn();
  }

  takeTurn(): void {
    this.#waitsForTurn = false;
    const pending = this.#pending;
    for (let count = resolvedAtOnce; count > 0; count--) {
      const next = pending[this.#resolved];
      if (next === undefined || next.lsn > this.#durable) {
        this.#pending = this.#resolved === 0 ? pending : pending.slice(this.#resolved);
        this.#resolved = 0;
        return;
      }
      this.#resolved++;
      next.resolve();
    }
    this.#waitsForTurn = true;
    this.#turn.wait(this);
  }
}
