import type { Socket } from "node:net";
import type { Clock, LogFields, Logger, Timer } from "@jackalope/core/adapter";
import type { Door, VisitorKind } from "./door.ts";
import { plainAddress, type TransportListener } from "./transport.ts";

export interface ArrivalOptions {
  readonly door: Door;
  readonly kind: VisitorKind;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From the accepted socket to the end of the login. */
  readonly handshakeTimeoutMs: number;
}

/** What a client that did not log in in time has left, to hear it. */
const goodbyeMs = 1000;

/**
 * One socket from its acceptance to its end, below TLS, HTTP and whatever else is spoken on it. It has one time limit
 * for everything up to the login: a state in between that nobody thought of ends all the same.
 */
export class Arrival {
  /** The bare socket. */
  readonly socket: Socket;
  readonly address: string;
  readonly port: number;
  readonly #options: ArrivalOptions;
  /** Who is told of the time limit; null below the protocol. */
  #listener: TransportListener | null = null;
  #timer: Timer | null;
  #unauthenticated = true;

  /** Null where the door is shut: the socket is closed then. */
  static enter(socket: Socket, options: ArrivalOptions): Arrival | null {
    const address = plainAddress(socket.remoteAddress);
    // A socket without an address was gone before it was looked at.
    if (address !== "unknown" && options.door.enter(options.kind, address))
      return new Arrival(socket, address, options);
    socket.on("error", () => undefined);
    socket.destroy();
    return null;
  }

  private constructor(socket: Socket, address: string, options: ArrivalOptions) {
    this.socket = socket;
    this.address = address;
    this.port = socket.remotePort ?? 0;
    this.#options = options;
    this.#timer = options.clock.after(options.handshakeTimeoutMs, () => this.#timedOut());
    // Below TLS and HTTP somebody else listens, or nobody yet. 'close' follows.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#closed());
  }

  /** `address:port` of the client. */
  get peer(): string {
    return `${this.address}:${this.port}`;
  }

  /** The protocol has the stream: `listener` is told when the time for the login is over. */
  handTo(listener: TransportListener): void {
    this.#listener = listener;
  }

  /** A protocol has the stream, and its end is the protocol's business. */
  get isHandedOver(): boolean {
    return this.#listener !== null;
  }

  /** The client has logged in: no more time limit, and it does not count as unknown any more. */
  loggedIn(): void {
    this.unlimit();
    this.#forgetUnauthenticated();
  }

  /** Logs what a stranger caused, sparingly. */
  warn(fields: LogFields, text: string): void {
    this.#options.door.log.warn(this.address, { peer: this.peer, ...fields }, text);
  }

  /** No time limit for now. */
  unlimit(): void {
    this.#setTimer(null);
  }

  /** Closes the socket after a time, whatever happens. */
  closeWithin(timeoutMs: number): void {
    this.#setTimer(this.#options.clock.after(timeoutMs, () => this.destroy()));
  }

  /** Closes the socket at once. */
  destroy(): void {
    this.socket.destroy();
  }

  #timedOut(): void {
    const listener = this.#listener;
    if (listener === null) {
      this.warn({ reason: "the login was not over in time (handshake-timeout)" }, "connection refused");
      this.destroy();
      return;
    }
    this.closeWithin(goodbyeMs);
    listener.onHandshakeTimeout();
  }

  #closed(): void {
    this.#setTimer(null);
    this.#forgetUnauthenticated();
    this.#options.door.leave();
  }

  #forgetUnauthenticated(): void {
    if (!this.#unauthenticated) return;
    this.#unauthenticated = false;
    this.#options.door.forgetUnauthenticated(this.address);
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
