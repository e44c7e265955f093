import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { onTestFinished } from "vitest";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/**
 * Serves files over HTTP until the test ends: `folders` are found by the prefix of the path ("/" last). Returns the URL
 * of the root, with a slash at its end.
 */
export async function serveFolders(folders: Readonly<Record<string, string>>): Promise<string> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const prefix = Object.keys(folders).find((candidate) => path.startsWith(candidate));
    const file = join(folders[prefix ?? ""] ?? "", path.slice(prefix?.length ?? 0));
    readFile(file).then(
      (content) => {
        response.writeHead(200, { "content-type": contentTypes[extname(file)] ?? "application/octet-stream" });
        response.end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  await listening(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}
