import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { silentLogger } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { defaultDoorLimits, Door, HttpListeners } from "../src/index.ts";
import { cleanUp, handshakeTimeoutMs } from "./listeners-fixture.ts";

interface HttpFixture {
  readonly port: number;
  readonly clock: FakeClock;
  readonly door: Door;
  /** Requests that came, whole or not. */
  readonly count: () => number;
}

async function openHttp(connectionsMax = 1000): Promise<HttpFixture> {
  const clock = new FakeClock();
  const bounds = { connectionsMax, descriptorsMax: null, unauthenticatedPerAddressMax: 1_000_000 };
  const door = new Door({ clock, logger: silentLogger, ...bounds });
  let count = 0;
  const listeners = new HttpListeners({
    ...{ name: "TEST", logger: silentLogger, clock, door, handshakeTimeoutMs },
    onRequest: (request, response) => {
      count++;
      request.resume();
      request.on("end", () => response.end("answer"));
    },
  });
  cleanUp(() => listeners.close());
  const { port } = await listeners.listen({ host: "127.0.0.1", port: 0 });
  return { port, clock, door, count: () => count };
}

async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  cleanUp(() => {
    socket.destroy();
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

describe("a client of HTTP", () => {
  it.each([
    ["that says nothing", ""],
    ["with half a head", "GET / HTTP/1.1\r\nHost"],
    ["with a body that does not come", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345"],
    ["with a body that never ends", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"],
  ])("%s is closed in time, when it comes and after an answer", async (_what, said) => {
    const { port, clock, door, count } = await openHttp();
    for (const before of ["", get]) {
      const socket = await client(port);
      socket.resume();
      socket.write(before + said);
      await until(() => door.socketCount === 1);
      const expected = count() + (before === "" ? 0 : 1) + (said.startsWith("POST") ? 1 : 0);
      if (said !== "" || before !== "") await until(() => count() === expected || said.startsWith("GET"));
      if (before !== "") await until(() => socket.bytesRead > 0);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      clock.advance(handshakeTimeoutMs);
      socket.end();
      await closed;
      await until(() => door.socketCount === 0);
    }
  });

  it("whose answer takes its time is not cut off", async () => {
    const { port, clock } = await openHttp();
    const socket = await client(port);
    socket.write(get);
    await once(socket, "data");
    socket.write(get);
    await once(socket, "data");
    clock.advance(handshakeTimeoutMs - 1);
    socket.write(get);
    expect(String((await once(socket, "data"))[0])).toContain("answer");
  });

  it("is let into a full broker, whoever sits there and says nothing", async () => {
    const { port, door } = await openHttp(0);
    const silent: Socket[] = [];
    for (let count = 0; count < 2 * defaultDoorLimits.managementReserve; count++) silent.push(await client(port));
    for (const socket of silent) socket.resume();
    await until(() => silent.filter(({ readableEnded }) => readableEnded).length > defaultDoorLimits.managementReserve);
    const check = await client(port);
    check.write(get);
    expect(String((await once(check, "data"))[0])).toContain("answer");
    expect(door.socketCount).toBeLessThanOrEqual(defaultDoorLimits.managementReserve);
  });
});
