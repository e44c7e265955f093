import { createServer, type AddressInfo, type Server } from "node:net";
import { Arrival, type ArrivalOptions } from "./arrival.ts";
import type { ListenAddress } from "./listen-options.ts";

export interface AcceptingPortOptions extends ArrivalOptions {
  /** Who listens, for people. */
  readonly name: string;
  readonly take: (arrival: Arrival) => void;
}

/** One open port. Whoever the door lets in is given to `take`. */
export class AcceptingPort {
  readonly #options: AcceptingPortOptions;
  readonly #server: Server;
  readonly #arrivals = new Set<Arrival>();
  #closing = false;

  constructor(options: AcceptingPortOptions) {
    this.#options = options;
    // A reply must not wait for the acknowledgement of the one before (Nagle against delayed acknowledgements).
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      const arrival = Arrival.enter(socket, options);
      if (arrival === null) return;
      this.#arrivals.add(arrival);
      socket.once("close", () => this.#arrivals.delete(arrival));
      if (this.#closing) arrival.destroy();
      else this.#hand(arrival);
    });
  }

  /** TLS and HTTP begin here: a fault in them is one socket's end. */
  #hand(arrival: Arrival): void {
    try {
      this.#options.take(arrival);
    } catch (error) {
      const stack = error instanceof Error ? error.stack : String(error);
      this.#options.logger.error({ peer: arrival.peer, stack }, `${this.#options.name} cannot take a socket`);
      arrival.destroy();
    }
  }

  /** Without a host it takes every interface. Rejects where the port is not to be had. */
  async open({ host, port }: { readonly host?: string | undefined; readonly port: number }): Promise<ListenAddress> {
    const server = this.#server;
    const { door, logger, name } = this.#options;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(host === undefined ? { port } : { port, host }, () => {
        server.off("error", reject);
        server.on("error", (error: NodeJS.ErrnoException) => {
          // Sockets that the system has nothing left for: it goes on listening.
          if (error.syscall === "accept") door.acceptFailed(error);
          else logger.error({ error: error.message }, `${name} listener failed`);
        });
        resolve();
      });
    });
    const { port: actualPort, address } = server.address() as AddressInfo;
    return { port: actualPort, address };
  }

  /** Stops accepting, ends everybody or those who have no protocol yet, and resolves when the last socket is closed. */
  close(endsAll: boolean): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const arrival of this.#arrivals) if (endsAll || !arrival.isHandedOver) arrival.destroy();
    return closed;
  }
}
