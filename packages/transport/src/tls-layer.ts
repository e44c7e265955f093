import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import type { Arrival } from "./arrival.ts";
import type { TlsSource } from "./tls-source.ts";

/** Has clients shake hands before the layer above gets them. */
export class TlsLayer {
  readonly #source: TlsSource;
  readonly #server: Server;
  /** By the client's end, which is all that the bare socket and the TLS socket made of it have in common. */
  readonly #arrivals = new Map<string, Arrival>();

  constructor(source: TlsSource, handshakeTimeoutMs: number, above: (socket: Socket, arrival: Arrival) => void) {
    this.#source = source;
    this.#server = createServer({ handshakeTimeout: handshakeTimeoutMs, ...source.options });
    source.attach(this.#server);
    this.#server.on("secureConnection", (socket) => {
      const arrival = this.#arrivals.get(clientEnd(socket));
      if (arrival === undefined) socket.destroy();
      else above(socket, arrival);
    });
    this.#server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      const arrival = this.#arrivals.get(clientEnd(socket));
      // One that was closed here has its log line, or none is due.
      if (arrival === undefined) return;
      arrival.warn({ error: error.message.trim() }, "TLS handshake failed");
    });
  }

  /** Begins with a socket that speaks nothing yet. */
  take(arrival: Arrival): void {
    const { socket } = arrival;
    const end = clientEnd(socket);
    this.#arrivals.set(end, arrival);
    socket.once("close", () => this.#arrivals.delete(end));
    // The way that Node's documentation gives for sockets that another server accepted.
    this.#server.emit("connection", socket);
  }

  close(): void {
    this.#source.detach(this.#server);
  }
}

function clientEnd(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
