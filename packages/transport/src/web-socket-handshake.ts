import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** RFC 6455, 1.3. */
const keySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const keyPattern = /^[+/0-9A-Za-z]{22}==$/;
const version = "13";

/** Why a request gets no WebSocket: the status line and, where it helps, a header line; for the log the reason. */
export interface HandshakeRefusal {
  readonly reason: string;
  readonly status: string;
  readonly header?: string;
}

/** What is wrong with a request for a WebSocket (RFC 6455, 4.2.1), null where nothing is. */
export function handshakeRefusal({ method, headers }: IncomingMessage): HandshakeRefusal | null {
  if (method !== "GET") {
    return { reason: "the method is not GET", status: "405 Method Not Allowed", header: "Allow: GET" };
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") {
    return { reason: "the upgrade is to something else", status: "400 Bad Request" };
  }
  // 4.4
  if (headers["sec-websocket-version"] !== version) {
    const header = `Sec-WebSocket-Version: ${version}`;
    return { reason: `its version is not ${version}`, status: "426 Upgrade Required", header };
  }
  const hasKey = keyPattern.test(headers["sec-websocket-key"] ?? "");
  return hasKey ? null : { reason: "it has no key of 16 bytes", status: "400 Bad Request" };
}

/** The answer that makes a WebSocket of a connection (RFC 6455, 4.2.2), with the first of `known` that is offered. */
export function handshakeAnswer({ headers }: IncomingMessage, known: readonly string[]): string {
  const key = headers["sec-websocket-key"] ?? "";
  const offered = new Set((headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim()));
  const subprotocol = known.find((name) => offered.has(name));
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${createHash("sha1")
      .update(key + keySuffix)
      .digest("base64")}`,
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** The answer that makes none of it. */
export function handshakeRefused({ status, header }: HandshakeRefusal): string {
  const lines = [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    "Content-Length: 0",
    ...(header === undefined ? [] : [header]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
