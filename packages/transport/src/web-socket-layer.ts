import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "@jackalope/core/adapter";
import type { Arrival } from "./arrival.ts";
import { defaultDoorLimits } from "./door-limits.ts";
import type { WebSocketListenOptions } from "./listen-options.ts";
import type { TransportAcceptor } from "./transport.ts";
import { handshakeAnswer, type HandshakeRefusal, handshakeRefusal, handshakeRefused } from "./web-socket-handshake.ts";
import { WebSocketTransport } from "./web-socket-transport.ts";

interface WebSocketSettings {
  /** Name for people. */
  readonly protocol: string;
  readonly options: WebSocketListenOptions;
  readonly logger: Logger;
  readonly acceptor: TransportAcceptor;
}

/** Speaks HTTP with clients until they have a WebSocket, on its paths and nowhere else. */
export class WebSocketLayer {
  readonly #settings: WebSocketSettings;
  readonly #server: Server;
  readonly #arrivals = new Map<Socket, Arrival>();
  readonly #paths: ReadonlySet<string>;
  /** Empty for all. */
  readonly #origins: ReadonlySet<string>;

  constructor(settings: WebSocketSettings) {
    const { options, protocol } = settings;
    this.#settings = settings;
    this.#paths = new Set(options.paths);
    this.#origins = new Set(options.origins);
    // Time limits are the arrivals'.
    const noTimeouts = { headersTimeout: 0, requestTimeout: 0 };
    this.#server = createServer(
      { ...noTimeouts, maxHeaderSize: defaultDoorLimits.httpHeadBytesMax },
      (request, response) => {
        const known = this.#paths.has(pathOf(request));
        response.writeHead(known ? 426 : 404, { connection: "close", upgrade: "websocket" });
        response.end(known ? `This is a WebSocket endpoint for ${protocol}.\n` : "Not found.\n");
      },
    );
    this.#server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
  }

  /** Begins with a socket, or a TLS socket, that speaks HTTP. */
  take(socket: Socket, arrival: Arrival): void {
    this.#arrivals.set(socket, arrival);
    socket.once("close", () => this.#arrivals.delete(socket));
    // The way that Node's documentation gives for sockets that another server accepted.
    this.#server.emit("connection", socket);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const arrival = this.#arrivals.get(socket);
    socket.on("error", () => undefined);
    if (arrival === undefined) {
      socket.destroy();
      return;
    }
    const { origin } = request.headers;
    const isNamed = origin !== undefined && this.#origins.has(origin);
    const refusal = this.#refusalOf(request, origin, isNamed);
    if (refusal !== null) {
      const { protocol } = this.#settings;
      arrival.warn({ protocol, path: pathOf(request), origin }, `WebSocket refused: ${refusal.reason}`);
      socket.end(handshakeRefused(refusal));
      return;
    }
    const { options, acceptor } = this.#settings;
    // HTTP's own limits do not count any more.
    socket.setTimeout(0);
    socket.write(handshakeAnswer(request, options.subprotocols));
    if (head.length > 0) socket.unshift(head);
    new WebSocketTransport(socket, arrival, options.framing, { origin: origin ?? null, isNamed }, acceptor);
  }

  #refusalOf(request: IncomingMessage, origin: string | undefined, isNamed: boolean): HandshakeRefusal | null {
    if (!this.#paths.has(pathOf(request))) return { reason: "there is none on this path", status: "404 Not Found" };
    if (this.#origins.size > 0 && origin !== undefined && !isNamed) {
      return { reason: "origin is not allowed", status: "403 Forbidden" };
    }
    return handshakeRefusal(request);
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}
