import { isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { type AcceptTransport, type EndReason, plainAddress, type Transport } from "./transport.ts";

/** RFC 6455, 7.4.1: normal closure, going away, policy violation, message too big. */
const closeCodes = { normal: 1000, shutdown: 1001, error: 1008 } as const satisfies Record<EndReason, number>;

/**
 * A WebSocket. STOMP frames leave one a message, which is what simple clients expect; they come however the client cuts
 * them. Text is sent as text and everything else as binary, unless the client itself began with binary messages.
 */
export class WebSocketTransport implements Transport {
  readonly kind = "WebSocket";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly wantsFrameEnds = true;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  #first = true;
  #binary = false;

  constructor(webSocket: WebSocket, socket: Socket, accept: AcceptTransport) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    webSocket.binaryType = "nodebuffer";
    const listener = accept(this);
    if (listener === null) return;
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      if (this.#first) {
        this.#first = false;
        this.#binary = isBinary;
      }
      listener.onData(data);
    });
    // 'close' follows: what `ws` refuses (too large, not UTF-8) is closed with its code by `ws` itself.
    webSocket.on("error", () => undefined);
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

  #send(frame: Buffer, done?: () => void): void {
    const binary = this.#binary || !isUtf8(frame);
    if (done === undefined) this.#webSocket.send(frame, { binary });
    else this.#webSocket.send(frame, { binary }, () => done());
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
