import { request } from "node:http";

/** How an HTTP server answered. */
export interface HttpAnswer {
  readonly status: number;
  /** What a WebSocket was granted. */
  readonly protocol: string | undefined;
  readonly extensions: string | undefined;
}

/** Headers that ask for a WebSocket (RFC 6455, 4.1). */
export const upgradeHeaders: Readonly<Record<string, string>> = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};

/** Asks a port of this machine and lets go of what it grants. Rejects where it does not answer. */
export function httpAnswer(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", path, headers });
    asked.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, protocol: undefined, extensions: undefined });
    });
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      const { "sec-websocket-protocol": protocol, "sec-websocket-extensions": extensions } = response.headers;
      resolve({ status: 101, protocol, extensions });
    });
    asked.on("error", reject);
    asked.end();
  });
}
