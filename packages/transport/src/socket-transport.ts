import type { Socket } from "node:net";
import type { Logger } from "@jackalope/core/adapter";
import type { Arrival } from "./arrival.ts";
import { peerNameOf } from "./peer-name.ts";
import { type TransportAcceptor, plainAddress, type Transport } from "./transport.ts";
import { readOnLater } from "./unwanted-bytes.ts";

/** A TCP or TLS socket. */
export class SocketTransport implements Transport {
  readonly kind = "TCP";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly peerName: string | null;
  readonly origin = null;
  readonly originIsNamed = false;
  readonly wantsFrameEnds = false;
  readonly #socket: Socket;
  readonly #arrival: Arrival;
  #ended = false;

  constructor(socket: Socket, arrival: Arrival, logger: Logger, acceptor: TransportAcceptor) {
    this.#socket = socket;
    this.#arrival = arrival;
    this.remoteAddress = arrival.address;
    this.remotePort = arrival.port;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.peerName = peerNameOf(socket);
    // 'close' follows.
    socket.on("error", (error) => logger.debug({ peer: arrival.peer, error: error.message }, "socket error"));
    const listener = acceptor.accept(this);
    if (listener === null) return;
    arrival.handTo(listener);
    socket.on("data", (chunk: Buffer) => {
      if (this.#ended) readOnLater(socket);
      listener.onData(chunk);
    });
    socket.on("close", () => {
      listener.onClose();
      acceptor.gone(listener);
    });
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

  putBack(bytes: Buffer): boolean {
    // A paused stream tells its end nevertheless, once it has nothing left to read.
    this.#socket.unshift(bytes);
    return true;
  }

  end(): void {
    this.#ended = true;
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  loggedIn(): void {
    this.#arrival.loggedIn();
  }
}
