import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { readOnLater } from "../src/unwanted-bytes.ts";

test("what is read to be forgotten comes a chunk or two a turn, and to its end", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [Socket];
  const bytes = 16 * 1024 * 1024;
  let read = 0;
  let readInTurn = 0;
  let most = 0;
  const turn = (): void => {
    most = Math.max(most, readInTurn);
    readInTurn = 0;
    if (read < bytes) setImmediate(turn);
  };
  client.end(Buffer.alloc(bytes));
  setImmediate(turn);
  socket.on("data", (chunk: Buffer) => {
    read += chunk.length;
    readInTurn += chunk.length;
    readOnLater(socket);
  });
  await once(socket, "end");
  expect(read).toBe(bytes);
  expect(most).toBeLessThanOrEqual(3 * 64 * 1024);
  socket.destroy();
  server.close();
});
