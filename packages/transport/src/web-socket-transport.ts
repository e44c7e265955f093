import { isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { peerNameOf } from "./peer-name.ts";
import { type AcceptTransport, type EndReason, plainAddress, type Transport } from "./transport.ts";

/**
 * How a protocol's bytes stand in WebSocket messages. They come in however the client cuts them.
 *
 * - `frames`: one frame of the protocol leaves in one message, which is what simple clients of text protocols expect. It
 *   is text where it can be, unless the client itself began with binary messages.
 * - `stream`: binary alone, one message for each write. A text message from the client ends the connection.
 */
export type WebSocketFraming = "frames" | "stream";

/** RFC 6455, 7.4.1: normal closure, going away, policy violation; and IANA's list of close codes: try again later. */
const closeCodes = { normal: 1000, shutdown: 1001, error: 1008, unavailable: 1013 } as const satisfies Record<
  EndReason,
  number
>;
/** RFC 6455, 7.4.1: a type of data that is not accepted here. */
const unsupportedData = 1003;

/** A WebSocket. */
export class WebSocketTransport implements Transport {
  readonly kind = "WebSocket";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly peerName: string | null;
  readonly wantsFrameEnds: boolean;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  /** Whether the messages that leave are binary whatever they hold; null until the client's first message decides it. */
  #binary: boolean | null;
  /** A text message came where bytes were due: what still comes is not taken. */
  #refused = false;

  constructor(webSocket: WebSocket, socket: Socket, framing: WebSocketFraming, accept: AcceptTransport) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.peerName = peerNameOf(socket);
    this.wantsFrameEnds = framing === "frames";
    this.#binary = framing === "frames" ? null : true;
    webSocket.binaryType = "nodebuffer";
    // 'close' follows: what `ws` refuses (too large, not UTF-8) is closed with its code by `ws` itself.
    webSocket.on("error", () => undefined);
    const listener = accept(this);
    if (listener === null) return;
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      this.#binary ??= isBinary;
      if (framing === "stream" && !isBinary) this.#refuseText();
      else if (!this.#refused) listener.onData(data);
    });
    webSocket.on("close", () => listener.onClose());
  }

  write(bytes: Buffer, frameEnds: readonly number[] | null, done: () => void): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) {
      done();
      return;
    }
    // One system call for all messages of the turn.
    this.#socket.cork();
    let start = 0;
    for (const end of frameEnds ?? []) {
      if (end < bytes.length) this.#send(bytes.subarray(start, end));
      else break;
      start = end;
    }
    this.#send(bytes.subarray(start), done);
    this.#socket.uncork();
  }

  #send(message: Buffer, done?: () => void): void {
    const binary = this.#binary === true || !isUtf8(message);
    if (done === undefined) this.#webSocket.send(message, { binary });
    else this.#webSocket.send(message, { binary }, () => done());
  }

  #refuseText(): void {
    this.#refused = true;
    // [MQTT-6.0.0-1] data frames are binary, or the connection is closed.
    this.#webSocket.close(unsupportedData);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  end(reason: EndReason): void {
    this.#webSocket.close(closeCodes[reason]);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}
