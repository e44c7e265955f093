import type { Socket } from "node:net";
import type { Logger } from "@jackalope/core/adapter";
import { peerNameOf } from "./peer-name.ts";
import { type AcceptTransport, plainAddress, type Transport } from "./transport.ts";

/** A TCP or TLS socket. */
export class SocketTransport implements Transport {
  readonly kind = "TCP";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly peerName: string | null;
  readonly wantsFrameEnds = false;
  readonly #socket: Socket;

  constructor(socket: Socket, logger: Logger, accept: AcceptTransport) {
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.peerName = peerNameOf(socket);
    // 'close' follows.
    socket.on("error", (error) => {
      logger.debug({ peer: `${this.remoteAddress}:${this.remotePort}`, error: error.message }, "socket error");
    });
    const listener = accept(this);
    if (listener === null) return;
    socket.on("data", (chunk: Buffer) => listener.onData(chunk));
    socket.on("close", () => listener.onClose());
  }

  write(bytes: Buffer, _frameEnds: readonly number[] | null, done: () => void): void {
    this.#socket.write(bytes, done);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
