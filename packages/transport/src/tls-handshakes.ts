import type { Server, Socket } from "node:net";

/**
 * Sockets of a TLS server whose handshake is under way. `server.close()` waits for them, and neither Node nor the adapter
 * knows them yet.
 */
export class TlsHandshakes {
  /** By the client's end, which is all that the bare socket and the TLS socket made of it have in common. */
  readonly #sockets = new Map<string, Socket>();

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      const end = clientEnd(socket);
      this.#sockets.set(end, socket);
      socket.once("close", () => this.#sockets.delete(end));
    });
    server.on("secureConnection", (socket: Socket) => this.#sockets.delete(clientEnd(socket)));
  }

  /** Ends them all. */
  destroy(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function clientEnd(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
