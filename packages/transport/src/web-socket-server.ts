import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Logger } from "@jackalope/core/adapter";
import type { WebSocketListenOptions } from "./listen-options.ts";
import type { AcceptTransport } from "./transport.ts";
import { WebSocketTransport } from "./web-socket-transport.ts";

interface WebSocketSettings {
  /** Name for people. */
  readonly protocol: string;
  readonly options: WebSocketListenOptions;
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
  readonly accept: AcceptTransport;
}

/** An HTTP server that speaks WebSocket on its paths and nothing else. The caller calls `listen`. */
export function createWebSocketServer(settings: WebSocketSettings): Server {
  const { options, logger, handshakeTimeoutMs } = settings;
  const timeouts = { headersTimeout: handshakeTimeoutMs, requestTimeout: handshakeTimeoutMs };
  const http =
    options.tls === undefined
      ? createServer(timeouts)
      : createTlsServer({ ...timeouts, handshakeTimeout: handshakeTimeoutMs, ...options.tls });
  const webSockets = new WebSocketServer({
    noServer: true,
    // Compression costs more memory a connection than a whole idle session, and processor time for each message.
    perMessageDeflate: false,
    maxPayload: options.messageBytesMax,
    clientTracking: false,
    handleProtocols: (offered) => options.subprotocols.find((name) => offered.has(name)) ?? false,
  });
  const paths = new Set(options.paths);
  const origins = options.origins === undefined || options.origins.length === 0 ? null : new Set(options.origins);
  http.on("request", (request, response) => {
    const known = paths.has(pathOf(request));
    response.writeHead(known ? 426 : 404, { connection: "close", upgrade: "websocket" });
    response.end(known ? `This is a WebSocket endpoint for ${settings.protocol}.\n` : "Not found.\n");
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
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        new WebSocketTransport(webSocket, socket, options.framing, settings.accept);
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
