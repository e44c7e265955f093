import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Logger } from "@jackalope/core/adapter";
import { AcceptingPort } from "./accepting-port.ts";
import type { Arrival } from "./arrival.ts";
import type { Door } from "./door.ts";
import { defaultDoorLimits } from "./door-limits.ts";
import type { ListenAddress } from "./listen-options.ts";

export interface HttpListenersOptions {
  /** Who listens, for people. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly door: Door;
  /** From the accepted socket to the end of the first request, from one answer to the next, and for a client that reads nothing. */
  readonly handshakeTimeoutMs: number;
  readonly onRequest: RequestListener;
}

/** Ports for HTTP, behind the same door as those of the protocols. */
export class HttpListeners {
  readonly #options: HttpListenersOptions;
  readonly #server: Server;
  readonly #arrivals = new Map<Socket, Arrival>();
  /** Those without a request, the one that has been so longest first. */
  readonly #idle = new Set<Arrival>();
  readonly #ports: AcceptingPort[] = [];

  constructor(options: HttpListenersOptions) {
    this.#options = options;
    // Node looks for requests that do not end only twice a minute: arrivals have a limit of their own.
    const timeouts = { headersTimeout: 0, requestTimeout: 0 };
    this.#server = createServer(
      { ...timeouts, maxHeaderSize: defaultDoorLimits.httpHeadBytesMax },
      (request, response) => {
        this.#limit(request, response);
        options.onRequest(request, response);
      },
    );
    // An answer that nobody reads.
    this.#server.timeout = options.handshakeTimeoutMs;
  }

  /** Opens a port. Rejects where it is not to be had. */
  listen(options: { readonly host: string; readonly port: number }): Promise<ListenAddress> {
    const port = new AcceptingPort({
      ...this.#options,
      kind: "management",
      take: (arrival) => {
        const { socket } = arrival;
        this.#arrivals.set(socket, arrival);
        socket.once("close", () => {
          this.#arrivals.delete(socket);
          this.#idle.delete(arrival);
        });
        this.#becameIdle(arrival);
        // The way that Node's documentation gives for sockets that another server accepted.
        this.#server.emit("connection", socket);
      },
    });
    this.#ports.push(port);
    return port.open(options);
  }

  /** Stops accepting, ends everybody, and resolves when the last socket is closed. */
  async close(): Promise<void> {
    await Promise.all(this.#ports.map((port) => port.close(true)));
  }

  /** A request has its time to come, whole; the next one's begins with the end of the answer. */
  #limit({ socket, headers }: IncomingMessage, response: ServerResponse): void {
    const arrival = this.#arrivals.get(socket);
    if (arrival === undefined) return;
    this.#idle.delete(arrival);
    const { handshakeTimeoutMs } = this.#options;
    const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
    if (!hasBody) arrival.unlimit();
    response.on("close", () => {
      if (socket.destroyed) return;
      arrival.closeWithin(handshakeTimeoutMs);
      this.#becameIdle(arrival);
    });
  }

  /** Who comes and says nothing must not keep health checks out of a full broker. */
  #becameIdle(arrival: Arrival): void {
    this.#idle.add(arrival);
    if (this.#idle.size <= defaultDoorLimits.managementIdleMax || !this.#options.door.isFull) return;
    const [oldest] = this.#idle;
    oldest?.destroy();
  }
}
