import type { Socket } from "node:net";
import type { Arrival } from "./arrival.ts";
import { peerNameOf } from "./peer-name.ts";
import {
  type TransportAcceptor,
  type EndReason,
  plainAddress,
  type Transport,
  type TransportListener,
} from "./transport.ts";
import { WebSocketDecoder, type WebSocketHandler } from "./web-socket-decoder.ts";
import { closeFrame, encodeMessages, messageHeader, pongFrame } from "./web-socket-encoder.ts";
import type { WebSocketFraming } from "./listen-options.ts";
import { readOnLater } from "./unwanted-bytes.ts";

/** RFC 6455, 7.4.1: normal closure, going away, policy violation; and IANA's list of close codes: try again later. */
const closeCodes = { normal: 1000, shutdown: 1001, error: 1008, unavailable: 1013 } as const satisfies Record<
  EndReason,
  number
>;
/** RFC 6455, 7.4.1: a type of data that is not accepted here. */
const unsupportedData = 1003;
/** A client that broke the rules of WebSocket closes its side soon, or is cut off. */
const failedCloseTimeoutMs = 1000;
/** A message from here up leaves without being copied behind its header. */
const copiedBytesMax = 16 * 1024;
/** Pings of a client that does not read are not answered. */
const pongWaitingBytesMax = 16 * 1024;

/** Which page asked for a WebSocket. */
export interface PageOrigin {
  /** What the browser sent as `Origin`; null for clients that are no browser. */
  readonly origin: string | null;
  /** A setting names it. */
  readonly isNamed: boolean;
}

/**
 * A WebSocket after its handshake.
 *
 *     open --- end() ---> closing --- the client's close frame ---> closed
 *      |  ------- the client's close frame --------------------------^
 *      '---- it breaks the rules ---> failed --- time limit ---------^
 */
export class WebSocketTransport implements Transport, WebSocketHandler {
  readonly kind = "WebSocket";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly peerName: string | null;
  readonly origin: string | null;
  readonly originIsNamed: boolean;
  readonly wantsFrameEnds: boolean;
  readonly #socket: Socket;
  readonly #arrival: Arrival;
  readonly #decoder = new WebSocketDecoder(this);
  #listener: TransportListener | null = null;
  #state: "open" | "closing" | "failed" | "closed" = "open";
  /** Whether the messages that leave are binary whatever they hold; null until the client's first message decides it. */
  #binary: boolean | null;

  constructor(
    socket: Socket,
    arrival: Arrival,
    framing: WebSocketFraming,
    page: PageOrigin,
    acceptor: TransportAcceptor,
  ) {
    this.#socket = socket;
    this.#arrival = arrival;
    this.remoteAddress = arrival.address;
    this.remotePort = arrival.port;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.peerName = peerNameOf(socket);
    this.origin = page.origin;
    this.originIsNamed = page.isNamed;
    this.wantsFrameEnds = framing === "frames";
    this.#binary = framing === "frames" ? null : true;
    // 'close' follows.
    socket.on("error", () => undefined);
    const listener = acceptor.accept(this);
    if (listener === null) return;
    this.#listener = listener;
    arrival.handTo(listener);
    socket.on("data", (chunk: Buffer) => {
      try {
        if (this.#state !== "open") readOnLater(socket);
        this.#onData(chunk);
      } catch (error) {
        acceptor.failed(listener, error);
      }
    });
    socket.on("close", () => {
      this.#state = "closed";
      listener.onClose();
      acceptor.gone(listener);
    });
  }

  write(bytes: Buffer, frameEnds: readonly number[] | null, done: () => void): void {
    if (this.#state !== "open") {
      done();
      return;
    }
    const binary = this.#binary === true;
    if (bytes.length >= copiedBytesMax && (frameEnds === null || frameEnds.length <= 1)) {
      // One system call for both.
      this.#socket.cork();
      this.#socket.write(messageHeader(bytes, binary));
      this.#socket.write(bytes, () => done());
      this.#socket.uncork();
    } else this.#socket.write(encodeMessages(bytes, frameEnds ?? [], binary), () => done());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  putBack(): boolean {
    return false;
  }

  end(reason: EndReason): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#socket.write(closeFrame(closeCodes[reason]));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  loggedIn(): void {
    this.#arrival.loggedIn();
  }

  // WebSocketHandler

  onMessage(isText: boolean): number {
    this.#binary ??= !isText;
    // [MQTT-6.0.0-1] data frames are binary, or the connection is closed.
    return isText && !this.wantsFrameEnds ? unsupportedData : 0;
  }

  onPing(payload: Buffer): void {
    if (this.#state === "open" && this.#socket.writableLength <= pongWaitingBytesMax) {
      this.#socket.write(pongFrame(payload));
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    const payload = this.#decoder.decode(chunk);
    if (payload.length > 0 && this.#state === "open") this.#listener?.onData(payload);
    const { end } = this.#decoder;
    if (end === null || this.#socket.destroyed) return;
    // 5.5.1: a close frame is answered by one with its code.
    if (this.#state === "open") this.#socket.write(closeFrame(end.code));
    if (end.kind === "closed") {
      this.#state = "closed";
      // 7.1.1: the server ends the stream below, and nothing follows from the other side.
      this.#socket.destroySoon();
      return;
    }
    this.#state = "failed";
    this.#socket.end();
    this.#socket.resume();
    readOnLater(this.#socket);
    this.#arrival.closeWithin(failedCloseTimeoutMs);
  }
}
