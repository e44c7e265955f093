import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { Logger } from "@jackalope/core/adapter";
import type { WebSocketListenOptions } from "./options.ts";
import type { AcceptTransport } from "./transport.ts";
import { WebSocketTransport } from "./web-socket-transport.ts";

/** Newest first: where a client offers several, this order decides. */
const subprotocols = ["v12.stomp", "v11.stomp", "v10.stomp"] as const;
const paths = new Set(["/ws", "/stomp"]);

interface WebSocketSettings {
  readonly options: WebSocketListenOptions;
  /** Largest WebSocket message accepted. */
  readonly messageBytesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
  readonly accept: AcceptTransport;
}

/** An HTTP server that speaks WebSocket on `/ws` and `/stomp` and nothing else. The caller calls `listen`. */
export function createWebSocketServer(settings: WebSocketSettings): Server {
  const { options, logger } = settings;
  const timeoutMs = settings.handshakeTimeoutMs;
  const timeouts = { headersTimeout: timeoutMs, requestTimeout: timeoutMs };
  const http =
    options.tls === undefined
      ? createServer(timeouts)
      : createTlsServer({ ...timeouts, handshakeTimeout: timeoutMs, ...options.tls });
  const sockets = new WebSocketServer({
    noServer: true,
    // Compression costs more memory a connection than a whole idle session, and processor time for each message.
    perMessageDeflate: false,
    maxPayload: settings.messageBytesMax,
    clientTracking: false,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  const origins = options.origins === undefined || options.origins.length === 0 ? null : new Set(options.origins);
  http.on("request", (request, response) => {
    const known = paths.has(pathOf(request));
    response.writeHead(known ? 426 : 404, { connection: "close", upgrade: "websocket" });
    response.end(known ? "This is a WebSocket endpoint for STOMP.\n" : "Not found.\n");
  });
  http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => undefined);
    const { origin } = request.headers;
    if (!paths.has(pathOf(request))) refuse(socket, "404 Not Found");
    else if (origins !== null && origin !== undefined && !origins.has(origin)) {
      logger.warn({ peer: socket.remoteAddress, origin }, "WebSocket refused: origin is not allowed");
      refuse(socket, "403 Forbidden");
    } else {
      socket.setNoDelay(true);
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        new WebSocketTransport(webSocket, socket, settings.accept);
      });
    }
  });
  return http;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
