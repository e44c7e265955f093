import { type Limits, type Payer, Tab, Transaction } from "@jackalope/core/adapter";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import { StompError } from "./stomp-error.ts";

/** An open transaction without anything in it, its name aside. */
const transactionBytes = 400;

/** The transactions of one connection that are open, by the names that the client gave them. */
export class Transactions {
  readonly #transactionsMax: number;
  readonly #limits: Limits;
  readonly #payer: Payer;
  /** For those that are open; each has one of its own for what is in it. */
  readonly #tab: Tab;
  readonly #open = new Map<string, Transaction>();

  constructor(transactionsMax: number, limits: Limits, payer: Payer) {
    this.#payer = payer;
    this.#tab = new Tab(payer);
    this.#transactionsMax = transactionsMax;
    this.#limits = limits;
  }

  /** BEGIN. Throws where the name is in use or too many are open, quota-exceeded where the connection has no room. */
  begin(head: FrameHead): void {
    const name = nameOf(head);
    if (this.#open.has(name)) throw badTransaction(`Transaction '${name}' is already open\n`);
    if (this.#open.size >= this.#transactionsMax) {
      throw badTransaction(`More than ${this.#transactionsMax} open transactions are not allowed\n`);
    }
    this.#tab.admit(bytesOf(name), "the transaction is not begun");
    this.#open.set(name, new Transaction(this.#limits, this.#payer));
  }

  /** COMMIT or ABORT: the transaction that the frame names, which is open no more. */
  take(head: FrameHead): Transaction {
    const name = nameOf(head);
    const transaction = this.#find(name);
    this.#open.delete(name);
    this.#tab.add(-bytesOf(name));
    return transaction;
  }

  /** The transaction that a SEND, ACK or NACK belongs to, null for none. */
  of(head: FrameHead): Transaction | null {
    const name = head.get(headerNames.transaction);
    return name === undefined ? null : this.#find(name);
  }

  /** Publishes in the transaction that the frame names, 0 where it names none that is open. */
  publishCountOf(head: FrameHead): number {
    return this.#open.get(head.get(headerNames.transaction) ?? "")?.publishCount ?? 0;
  }

  /** The connection ends: all that are open. */
  takeAll(): Transaction[] {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#tab.settle();
    return open;
  }

  #find(name: string): Transaction {
    const transaction = this.#open.get(name);
    if (transaction === undefined) throw badTransaction(`Invalid transaction identifier: '${name}'\n`);
    return transaction;
  }
}

function bytesOf(name: string): number {
  return transactionBytes + Buffer.byteLength(name);
}

function nameOf(head: FrameHead): string {
  const name = head.get(headerNames.transaction);
  if (name !== undefined) return name;
  throw new StompError("Missing transaction", `'${head.command}' must include a 'transaction' header\n`);
}

function badTransaction(explanation: string): StompError {
  return new StompError("Bad transaction", explanation);
}
