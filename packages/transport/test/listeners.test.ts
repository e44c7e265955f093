import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { certificate, privateKey, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { cleanUp, openListeners, webSocketOptions } from "./listeners-fixture.ts";

async function client(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host });
  cleanUp(() => {
    socket.destroy();
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

const local = { host: "127.0.0.1", port: 0 };
const tls = { cert: certificate, key: privateKey };

describe("a listener", () => {
  it("takes IPv4 and IPv6 where no host is named, and tells addresses in plain form", async () => {
    const { listeners, accepted } = openListeners();
    const [address] = await listeners.listen({ port: 0 });
    for (const [index, host] of ["127.0.0.1", "::1"].entries()) {
      const socket = await client(address?.port ?? 0, host);
      await until(() => accepted.length > index);
      expect(accepted[index]?.transport).toMatchObject({
        kind: "TCP",
        remoteAddress: host,
        remotePort: socket.localPort,
        localAddress: host,
        localPort: address?.port,
        peerName: null,
        wantsFrameEnds: false,
      });
    }
  });

  it("that cannot have its port says so, and does not keep the others from closing", async () => {
    const { listeners } = openListeners();
    const [address] = await listeners.listen(local);
    const taken = { host: "127.0.0.1", port: address?.port ?? 0 };
    await expect(listeners.listen(taken)).rejects.toThrow("EADDRINUSE");
    await expect(listeners.listenWebSocket({ ...webSocketOptions, ...taken })).rejects.toThrow("EADDRINUSE");
    await listeners.close();
  });

  it("drops a stream that the adapter does not want", async () => {
    const { listeners, accepted } = openListeners({ refuse: true });
    const [address] = await listeners.listen(local);
    const socket = await client(address?.port ?? 0);
    await once(socket, "close");
    expect(accepted).toEqual([]);
  });
});

describe("a TCP stream", () => {
  it("carries bytes both ways, calls back when they are gone, and ends behind them", async () => {
    const { listeners, first } = openListeners();
    const [address] = await listeners.listen(local);
    const socket = await client(address?.port ?? 0);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    const accepted = await first();
    socket.write("ping");
    await until(() => Buffer.concat(accepted.chunks).toString() === "ping");
    await new Promise<void>((done) => accepted.transport.write(Buffer.from("pong "), null, done));
    accepted.transport.write(Buffer.from("bye"), null, () => undefined);
    accepted.transport.end("normal");
    await once(socket, "end");
    expect(Buffer.concat(received).toString()).toBe("pong bye");
    await until(() => accepted.closed);
  });

  it("brings nothing while it is paused, and everything later", async () => {
    const { listeners, accepted } = openListeners();
    const [address] = await listeners.listen(local);
    const socket = await client(address?.port ?? 0);
    await until(() => accepted.length === 1);
    accepted[0]?.transport.pause();
    socket.write("later");
    const other = await client(address?.port ?? 0);
    other.write("now");
    await until(() => accepted[1]?.chunks.length === 1);
    expect(accepted[0]?.chunks).toEqual([]);
    accepted[0]?.transport.resume();
    await until(() => accepted[0]?.chunks.length === 1);
  });

  it("tells the end once when the client resets it", async () => {
    const { listeners, first } = openListeners();
    const [address] = await listeners.listen(local);
    const socket = await client(address?.port ?? 0);
    const accepted = await first();
    socket.resetAndDestroy();
    await until(() => accepted.closed);
    // What is written to it now does not throw.
    accepted.transport.write(Buffer.from("nobody"), null, () => undefined);
    accepted.transport.destroy();
  });
});

describe("closing listeners", () => {
  it("stops accepting, and waits for the streams that there are", async () => {
    const { listeners, first } = openListeners();
    const [address] = await listeners.listen(local);
    const socket = await client(address?.port ?? 0);
    const { transport } = await first();
    let done = false;
    const closing = listeners.close().then(() => {
      done = true;
    });
    await expect(client(address?.port ?? 0)).rejects.toThrow("ECONNREFUSED");
    socket.write("still there");
    await until(() => done || socket.bytesWritten > 0);
    expect(done).toBe(false);
    transport.destroy();
    await closing;
  });

  it.each([
    ["a WebSocket listener", {}],
    ["a WebSocket listener with TLS", { tls }],
  ])("does not wait for who never asked %s for an upgrade", async (_name, secure) => {
    const { listeners, accepted } = openListeners();
    const [address] = await listeners.listenWebSocket({ ...webSocketOptions, ...secure });
    const socket = await client(address?.port ?? 0);
    const closed = once(socket, "close");
    await listeners.close();
    await closed;
    expect(accepted).toEqual([]);
  });

  it("does not wait for a TLS handshake that nobody finishes", async () => {
    const { listeners, accepted } = openListeners();
    const [address] = await listeners.listen({ ...local, tls });
    const socket = await client(address?.port ?? 0);
    // The first bytes of a ClientHello (RFC 8446, 4.1.2), and no more.
    socket.write(Buffer.of(0x16, 3, 1, 2, 0, 1));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await listeners.close();
    await closed;
    expect(accepted).toEqual([]);
  });
});
