import {
  type Broker,
  ConnectionLog,
  type Containment,
  type GatedDecoder,
  type GateOwner,
  type LogFields,
  type Logger,
  Outbox,
  type OutboxBounds,
  type OutboxTarget,
  ReadGate,
  StallWatch,
  stopReasons,
  type Timer,
} from "@jackalope/core/adapter";
import type { EndReason, Transport } from "./transport.ts";

/** The protocol's connection around a stream. */
export interface StreamOwner extends GateOwner {
  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void;
  /** Bytes are handed to the transport: answers where frames end in them, null where it did not ask for that. */
  sending(bytes: Buffer): readonly number[] | null;
  /** Nothing that the client says counts any more: time limits of the protocol's own are over. May come twice. */
  ended(): void;
}

export interface ClientStreamOptions {
  readonly transport: Transport;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: OutboxBounds & {
    /** How long a client has to close its side, from the broker's end on. */
    readonly closeTimeoutMs: number;
    /** What may wait in the client's own queues while it is behind. Default: no bound. */
    readonly stalledQueueBytesMax?: number;
  };
  readonly decoder: GatedDecoder;
  readonly owner: StreamOwner;
  /** Bytes that wait in queues which nobody but this client reads. Default: nothing is known of such. */
  readonly queuedBytes?: () => number;
}

/**
 * One client's bytes in both directions, below its protocol: outbox, gate and decoder, the watch for clients that do not
 * read, and the end.
 *
 *     open ──finish──▶ ending ──the client has closed, or closeTimeoutMs──▶ closed
 *       └────────────── destroy, or the client ───────────────────────────────▲
 */
export class ClientStream implements OutboxTarget {
  readonly outbox: Outbox;
  readonly log: ConnectionLog;
  readonly #options: ClientStreamOptions;
  readonly #transport: Transport;
  readonly #gate: ReadGate;
  readonly #stallWatch: StallWatch;
  #timer: Timer | null = null;
  #ended = false;

  constructor(options: ClientStreamOptions) {
    const { transport, broker, logger, decoder, owner } = options;
    const { turn, clock, limits } = broker;
    this.#options = options;
    this.#transport = transport;
    this.outbox = new Outbox(turn, this, limits.outboxBytesMax, (over) => this.#pressure(over));
    this.#gate = new ReadGate({ turn, stream: transport, decoder, outbox: this.outbox, owner });
    this.#stallWatch = new StallWatch(clock, (stalledMs) => this.#stalled(stalledMs));
    this.log = new ConnectionLog({ broker, logger, peer: this.peer, remoteAddress: transport.remoteAddress });
  }

  /** `address:port` of the client. */
  get peer(): string {
    return `${this.#transport.remoteAddress}:${this.#transport.remotePort}`;
  }

  /** `client -> server`, as RabbitMQ names connections. */
  get name(): string {
    return `${this.peer} -> ${this.#transport.localAddress}:${this.#transport.localPort}`;
  }

  get containment(): Containment {
    return this.#options.broker.containment;
  }

  /** What still comes is discarded. */
  get isEnded(): boolean {
    return this.#ended;
  }

  // Reading

  /** Takes what the transport brought. */
  push(chunk: Buffer): void {
    this.#gate.push(chunk);
  }

  /** Stops taking frames for `reason`, after the one at hand. */
  stop(reason: number): void {
    this.#gate.stop(reason);
  }

  /** `reasons` are over; takes frames again unless there is another. */
  proceed(reasons: number): void {
    this.#gate.proceed(reasons);
  }

  /** Puts whole frames before everything that waits to be taken. */
  unread(bytes: Buffer): void {
    this.#gate.unread(bytes);
  }

  /** The transport is closed: hands on what came before. Call `closed` next. */
  handleRest(): void {
    this.#gate.handleRest();
  }

  /** As `Transport.putBack`, for the last bytes that were taken. */
  putBack(bytes: Buffer): boolean {
    return this.#transport.putBack(bytes);
  }

  /** Forgets what waits to be taken: nothing in it can be trusted. */
  drop(): void {
    this.#gate.drop();
  }

  // Writing

  /** For the outbox. */
  write(bytes: Buffer, done: () => void): void {
    const frameEnds = this.#options.owner.sending(bytes);
    this.#transport.write(bytes, frameEnds, () => {
      this.#stallWatch.gone();
      done();
    });
  }

  /** After a chunk, or an answer that may be large: a client that does not read is asked nothing more, or cut off. */
  checkOutbox(): void {
    const { limits } = this.#options;
    const { waitingBytes } = this.outbox;
    if (waitingBytes <= limits.outboxStopBytes && !this.outbox.hogs) return;
    if (waitingBytes <= limits.outboxCutBytes) this.stop(stopReasons.outbox);
    else this.cut("the client does not read what it asked for (outboxCutBytes)", { waitingBytes });
  }

  // Ends

  /** Says what is left to say and ends the stream; what still comes is discarded. */
  finish(reason: EndReason = "normal"): void {
    if (this.#ended) return;
    this.#end();
    if (!this.outbox.flush()) return this.destroy();
    this.#transport.end(reason);
    // A peer that does not close its side in turn must not keep ours.
    this.closeWithin(this.#options.limits.closeTimeoutMs);
  }

  /** Ends the stream after a time, whatever happens. */
  closeWithin(timeoutMs: number): void {
    this.#setTimer(this.#options.broker.clock.after(timeoutMs, () => this.destroy()));
  }

  /** Ends the stream without a word after a delay, and reads nothing more. */
  destroyLater(delayMs: number): void {
    this.#ended = true;
    this.#transport.pause();
    this.closeWithin(delayMs);
  }

  /** Ends the stream at once, for what the client did or left undone. */
  cut(reason: string, facts: LogFields = {}): void {
    this.log.refused(reason, facts);
    this.destroy();
  }

  /** Ends the stream at once. */
  destroy(): void {
    this.#ended = true;
    this.log.closed("broker", "cut off");
    this.#transport.destroy();
  }

  /** The client has not logged in in time, and there is nothing to answer. */
  loginTimedOut(): void {
    if (this.#ended) this.destroy();
    else this.cut("the login was not over in time (handshake-timeout)");
  }

  /**
   * The transport is closed. `then` is called when what the client said before is handled, which may take several turns, at
   * most `closeTimeoutMs`: who sends much and leaves has sent it.
   */
  closed(then: () => void): void {
    let over = false;
    this.#gate.finish(() => {
      over = true;
      this.#closed();
      then();
    });
    if (over) return;
    const { broker, limits, owner } = this.#options;
    this.#setTimer(broker.clock.after(limits.closeTimeoutMs, () => this.#gate.end()));
    // Nobody is there to be given messages, and answers go nowhere.
    owner.pressure(true);
    this.outbox.close();
    this.proceed(stopReasons.outbox);
  }

  #closed(): void {
    this.#end();
    this.#setTimer(null);
    this.#stallWatch.end();
    this.outbox.close();
    this.log.closed("client", "the stream ended without a goodbye");
  }

  #end(): void {
    this.#ended = true;
    this.#gate.end();
    this.#options.owner.ended();
  }

  #pressure(over: boolean): void {
    this.#options.owner.pressure(over);
    if (!over) this.proceed(stopReasons.outbox);
    this.#stallWatch.pressure(over);
  }

  /** Heartbeats may pass while nothing else does: they are how a client says that it lives, not that it reads. */
  #stalled(stalledMs: number): boolean {
    const { limits, queuedBytes: queued } = this.#options;
    const { waitingBytes } = this.outbox;
    const queuedBytes = queued?.() ?? 0;
    if (stalledMs >= limits.stalledTimeoutMs) {
      this.cut("the client has stopped reading (stalledTimeoutMs)", { waitingBytes, queuedBytes });
    } else if (queuedBytes > (limits.stalledQueueBytesMax ?? Number.POSITIVE_INFINITY)) {
      this.cut("the client reads too slowly (stalledQueueBytesMax)", { waitingBytes, queuedBytes });
    } else return true;
    return false;
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
