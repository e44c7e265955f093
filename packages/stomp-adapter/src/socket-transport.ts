import type { Socket } from "node:net";
import { type AcceptTransport, plainAddress, type Transport } from "./transport.ts";

/** A TCP or TLS socket. */
export class SocketTransport implements Transport {
  readonly kind = "TCP";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly wantsFrameEnds = false;
  readonly #socket: Socket;

  constructor(socket: Socket, accept: AcceptTransport) {
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    const listener = accept(this);
    if (listener === null) return;
    socket.on("data", (chunk: Buffer) => listener.onData(chunk));
    // 'close' follows.
    socket.on("error", () => undefined);
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
