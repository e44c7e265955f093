import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { silentLogger } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type RefusedClient, RefusingListeners } from "../src/index.ts";
import { cleanUp, openListeners, webSocketOptions } from "./listeners-fixture.ts";

const timeoutMs = 5000;
const local = { host: "127.0.0.1", port: 0 };

/** Says "no" to whoever says something, and finishes where that is "go". */
function openRefuser(clock = new FakeClock()): RefusingListeners {
  const refusal = (client: RefusedClient) => (chunk: Buffer) => {
    client.say(Buffer.from("no"));
    if (chunk.toString() === "go") client.finish();
  };
  const listeners = new RefusingListeners({ protocol: "TEST", logger: silentLogger, clock, refusal, timeoutMs });
  cleanUp(() => {
    const closed = listeners.close();
    clock.advance(timeoutMs);
    return closed;
  });
  return listeners;
}

async function client(port = 0, options = {}): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", ...options });
  cleanUp(() => {
    socket.destroy();
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

async function received(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "end");
  return text;
}

describe("a listener that refuses", () => {
  it("tells the protocol what comes, and ends the stream behind what is said", async () => {
    const refuser = openRefuser();
    const [address] = await refuser.listen(local);
    const socket = await client(address?.port);
    const told = received(socket);
    socket.write("wait");
    await once(socket, "data");
    socket.write("go");
    expect(await told).toBe("nono");
    expect(refuser.refusedCount).toBe(1);
  });

  it("tells WebSockets to try again later", async () => {
    const [address] = await openRefuser().listenWebSocket(webSocketOptions);
    const webSocket = new WebSocket(`ws://127.0.0.1:${address?.port}/ws`);
    await once(webSocket, "open");
    webSocket.send("go");
    const [[message], [code]] = await Promise.all([once(webSocket, "message"), once(webSocket, "close")]);
    expect(String(message)).toBe("no");
    expect(code).toBe(1013);
  });

  it("cuts off who says nothing, and who does not close in turn", async () => {
    const clock = new FakeClock();
    const refuser = openRefuser(clock);
    const [address] = await refuser.listen(local);
    const silent = await client(address?.port);
    const clinging = await client(address?.port, { allowHalfOpen: true });
    const told = received(clinging);
    clinging.write("go");
    expect(await told).toBe("no");
    const closed = [silent, clinging].map((socket) => once(socket, "close"));
    clock.advance(timeoutMs);
    clinging.end();
    await Promise.all(closed);
  });

  it("frees its ports at once when it closes, and lets conversations end", async () => {
    const refuser = openRefuser();
    const [address] = await refuser.listen(local);
    const port = address?.port ?? 0;
    const socket = await client(port);
    await until(() => refuser.refusedCount === 1);
    const closed = refuser.close();
    const { listeners, accepted } = openListeners();
    await listeners.listen({ host: "127.0.0.1", port });
    await client(port);
    await until(() => accepted.length === 1);
    const told = received(socket);
    socket.write("go");
    expect(await told).toBe("no");
    socket.end();
    await closed;
  });
});
