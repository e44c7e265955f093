import type { Outbox } from "@jackalope/core/adapter";
import { writeReceipt } from "./frame-writer.ts";

/** Where receipts go. */
export interface ReceiptWire {
  readonly outbox: Outbox;
  /** A frame went into the outbox. */
  frameWritten(): void;
}

interface PendingReceipt {
  /** Number of the last publish that this receipt waits for. */
  readonly publishSeq: number;
  readonly receipt: string;
}

/**
 * The receipts of one connection. They leave in the order of the frames that asked for them, and none before every SEND
 * up to it is durable: whoever waits for one receipt knows of all frames before it.
 *
 *     SEND receipt:1   SEND   SUBSCRIBE receipt:2      publishes 1 and 2
 *     waits for 1             waits for 1              confirm(2, multiple) -> 1, 2
 */
export class Receipts {
  readonly #wire: ReceiptWire;
  #pending: PendingReceipt[] = [];
  #head = 0;

  constructor(wire: ReceiptWire) {
    this.#wire = wire;
  }

  /** Receipts that wait. */
  get pendingCount(): number {
    return this.#pending.length - this.#head;
  }

  /** The receipt of a SEND that is publish number `publishSeq`. */
  afterPublish(publishSeq: number, receipt: string): void {
    this.#pending.push({ publishSeq, receipt });
  }

  /** The receipt of any other frame: now, or behind those that wait. */
  now(receipt: string): void {
    const last = this.#pending[this.#pending.length - 1];
    if (last !== undefined) this.#pending.push({ publishSeq: last.publishSeq, receipt });
    else this.#write(receipt);
  }

  /** Every publish up to `publishSeq` is durable. */
  confirmed(publishSeq: number): void {
    const pending = this.#pending;
    while (this.#head < pending.length && (pending[this.#head] as PendingReceipt).publishSeq <= publishSeq) {
      this.#write((pending[this.#head++] as PendingReceipt).receipt);
    }
    if (this.#head === pending.length) {
      this.#pending = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      pending.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** The receipt that waits for exactly one of these publishes, or null: what an ERROR about them names. */
  find(fromSeq: number, toSeq: number): string | null {
    for (let index = this.#head; index < this.#pending.length; index++) {
      const { publishSeq, receipt } = this.#pending[index] as PendingReceipt;
      if (publishSeq >= fromSeq && publishSeq <= toSeq) return receipt;
    }
    return null;
  }

  #write(receipt: string): void {
    writeReceipt(this.#wire.outbox, receipt);
    this.#wire.frameWritten();
  }
}
