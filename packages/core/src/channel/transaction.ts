import { BrokerError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Message } from "../message.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Route } from "../route.ts";
import type { Channel } from "./channel.ts";

/** How a delivery ends without an acknowledgement: refused for good, given back, or given back as failed. */
export type RejectKind = "reject" | "return" | "fail";

interface BufferedPublish {
  readonly route: Route;
  readonly message: Message;
  readonly mandatory: boolean;
  readonly extraRoutes: readonly Route[] | undefined;
}

interface BufferedSettlement {
  /** The channel that the delivery was made on. */
  readonly channel: Channel;
  readonly tag: number;
  readonly entry: QueueEntry;
  readonly kind: RejectKind | "ack";
}

/**
 * What a transactional channel has been asked for since the last commit or rollback. Protocols whose transactions have
 * names (STOMP) make one for each and pass it to `Channel.ack`, `Channel.reject` and `Channel.commit`.
 */
export class Transaction {
  readonly #limits: Limits;
  #publishes: BufferedPublish[] = [];
  #settlements: BufferedSettlement[] = [];
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Buffers a publish. Throws resource-error beyond `transactionOperationsMax` and `transactionBytesMax`. */
  publish(route: Route, message: Message, mandatory: boolean, extraRoutes: readonly Route[] | undefined): void {
    this.#bytes += message.sizeBytes;
    const { transactionOperationsMax, transactionBytesMax } = this.#limits;
    if (this.#publishes.length >= transactionOperationsMax || this.#bytes > transactionBytesMax) {
      throw new BrokerError("resource-error", "transaction is larger than the broker allows");
    }
    message.own();
    this.#publishes.push({ route, message, mandatory, extraRoutes });
  }

  /** Buffers a settlement; the entry has left the channel's ledger and waits here. */
  settle(channel: Channel, tag: number, entry: QueueEntry, kind: RejectKind | "ack"): void {
    this.#settlements.push({ channel, tag, entry, kind });
  }

  takePublishes(): readonly BufferedPublish[] {
    const publishes = this.#publishes;
    this.#publishes = [];
    this.#bytes = 0;
    return publishes;
  }

  takeSettlements(): readonly BufferedSettlement[] {
    const settlements = this.#settlements;
    this.#settlements = [];
    return settlements;
  }
}
