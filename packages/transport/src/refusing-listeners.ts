import type { Clock, Logger, Timer } from "@jackalope/core/adapter";
import type { Door } from "./door.ts";
import type { ListenAddress, ListenOptions, WebSocketListenOptions } from "./listen-options.ts";
import { ProtocolListener } from "./protocol-listener.ts";
import type { Transport, TransportListener } from "./transport.ts";

/** A client that is turned away, as its protocol sees it. */
export interface RefusedClient {
  /** Tells it something. */
  say(bytes: Buffer): void;
  /** Everything is said: ends the stream behind it. What the client still sends is discarded. */
  finish(): void;
}

/** How a protocol says no. Called for each client; returns what takes the client's bytes, which do not change afterwards. */
type Refusal = (client: RefusedClient) => (chunk: Buffer) => void;

/** What an adapter's refuser is made with. */
export interface RefuserOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Default: one that lets everybody in. */
  readonly door?: Door;
  /** From the accepted stream to its end, whatever the client does or does not. */
  readonly timeoutMs: number;
  /** Why clients are not served, asked for each anew: a short sentence without its full stop. */
  readonly reason: () => string;
}

export interface RefusingListenersOptions extends Omit<RefuserOptions, "reason"> {
  /** Name of the protocol, for people. */
  readonly protocol: string;
  readonly refusal: Refusal;
}

/** Clients that are being told at the same time; beyond it they are cut off without a word. */
const clientsMax = 10_000;
/** A client that has its refusal closes its side soon, or is cut off. */
const closeTimeoutMs = 1000;

/** Ports on which every client hears why it is not served. */
export class RefusingListeners {
  readonly #options: RefusingListenersOptions;
  readonly #listener: ProtocolListener<Conversation>;
  #refusedCount = 0;

  constructor(options: RefusingListenersOptions) {
    const { timeoutMs, ...others } = options;
    this.#options = options;
    this.#listener = new ProtocolListener({
      ...others,
      handshakeTimeoutMs: timeoutMs,
      shutdownTimeoutMs: closeTimeoutMs,
      connect: (transport) => this.#accept(transport),
    });
  }

  /** Clients that came so far. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** As `Listeners.listen`. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listen(options);
  }

  /** As `Listeners.listenWebSocket`. */
  listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listenWebSocket(options);
  }

  /** The ports are free when the call returns; resolves when the last client is gone, a moment later. */
  close(): Promise<void> {
    return this.#listener.close(() => undefined);
  }

  #accept(transport: Transport): Conversation | null {
    this.#refusedCount++;
    if (this.#listener.size >= clientsMax) {
      transport.destroy();
      return null;
    }
    const { protocol, clock, logger, refusal } = this.#options;
    logger.debug({ protocol, peer: `${transport.remoteAddress}:${transport.remotePort}` }, "refusing a client");
    const client = new Conversation(transport, clock);
    client.take = refusal(client);
    return client;
  }
}

/** One client that is turned away. */
class Conversation implements RefusedClient, TransportListener {
  readonly #transport: Transport;
  readonly #clock: Clock;
  take: (chunk: Buffer) => void = () => undefined;
  #timer: Timer | null = null;
  #finished = false;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  say(bytes: Buffer): void {
    if (!this.#finished) this.#transport.write(bytes, null, () => undefined);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#transport.end("unavailable");
    this.#timer = this.#clock.after(closeTimeoutMs, () => this.destroy());
  }

  destroy(): void {
    this.#finished = true;
    this.#transport.destroy();
  }

  onData(chunk: Buffer): void {
    if (!this.#finished) this.take(chunk);
  }

  onHandshakeTimeout(): void {
    this.destroy();
  }

  onClose(): void {
    this.#finished = true;
    this.#timer?.cancel();
  }
}
