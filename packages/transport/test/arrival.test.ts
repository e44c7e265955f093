import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { silentLogger } from "@jackalope/core/adapter";
import { certificate, FakeClock, privateKey, until, upgradeHeaders } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { Door } from "../src/index.ts";
import {
  cleanUp,
  handshakeTimeoutMs,
  type ListenersFixture,
  openListeners,
  webSocketOptions,
} from "./listeners-fixture.ts";

const local = { host: "127.0.0.1", port: 0 };
const tls = { cert: certificate, key: privateKey };
const upgrade = `GET /ws HTTP/1.1\r\nHost: localhost\r\n${Object.entries(upgradeHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("")}`;

async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  cleanUp(() => {
    socket.destroy();
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

function boundedDoor(unauthenticatedPerAddressMax: number): Door {
  const clock = new FakeClock();
  const bounds = { connectionsMax: 1_000_000, descriptorsMax: null, unauthenticatedPerAddressMax };
  return new Door({ clock, logger: silentLogger, ...bounds });
}

type Listen = (fixture: ListenersFixture) => ReturnType<ListenersFixture["listeners"]["listen"]>;
const tcp: Listen = ({ listeners }) => listeners.listen(local);
const secure: Listen = ({ listeners }) => listeners.listen({ ...local, tls });
const web: Listen = ({ listeners }) => listeners.listenWebSocket(webSocketOptions);
const secureWeb: Listen = ({ listeners }) => listeners.listenWebSocket({ ...webSocketOptions, tls });

describe("before the login", () => {
  it.each<[state: string, listen: Listen, said: string]>([
    ["a silent client", tcp, ""],
    ["the beginning of a TLS handshake on a plain port", tcp, "\x16\x03\x01\x02\x00\x01"],
    ["a silent client of TLS", secure, ""],
    ["the beginning of a TLS handshake", secure, "\x16\x03\x01\x02\x00\x01"],
    ["a silent client of WebSocket", web, ""],
    ["half a head of HTTP", web, "GET /ws HTTP/1.1\r\nHost: loc"],
    ["a request with a body that does not come", web, "POST /ws HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"],
    ["a WebSocket refused", web, upgrade.replace("/ws", "/else") + "\r\n"],
    ["a WebSocket that is not used", web, upgrade + "\r\n"],
    ["a silent client of WebSocket over TLS", secureWeb, ""],
  ])("%s ends with the time for the handshake, whatever it holds open", async (_state, listen, said) => {
    const fixture = openListeners();
    const [address] = await listen(fixture);
    const socket = await client(address?.port ?? 0);
    socket.resume();
    socket.write(Buffer.from(said, "latin1"));
    // A reset is an end, too.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await until(() => fixture.clock.pendingCount > 0);
    // What was said is there, and answered where something is due: an answer ends with the handshake, or is none.
    if (said.endsWith("\r\n\r\n")) await until(() => socket.bytesRead > 0);
    fixture.clock.advance(handshakeTimeoutMs);
    fixture.clock.advance(1000);
    socket.end();
    await closed;
    await fixture.listeners.close();
  });

  it("a client that was handed over is told before it is cut off", async () => {
    const fixture = openListeners();
    const [address] = await tcp(fixture);
    const socket = await client(address?.port ?? 0);
    const accepted = await fixture.first();
    fixture.clock.advance(handshakeTimeoutMs);
    expect(accepted).toMatchObject({ timedOut: true, closed: false });
    fixture.clock.advance(1000);
    await until(() => accepted.closed);
    socket.destroy();
  });

  it("ends with the login", async () => {
    const fixture = openListeners();
    const [address] = await tcp(fixture);
    await client(address?.port ?? 0);
    const accepted = await fixture.first();
    accepted.transport.loggedIn();
    expect(fixture.clock.pendingCount).toBe(0);
  });
});

describe("a socket that is one too many", () => {
  it.each<[string, Listen]>([
    ["TCP", tcp],
    ["TLS", secure],
    ["WebSocket", web],
    ["WebSocket over TLS", secureWeb],
  ])("is closed when it comes, and the others stay (%s)", async (_name, listen) => {
    const door = boundedDoor(1);
    const fixture = openListeners({ door });
    const [address] = await listen(fixture);
    const port = address?.port ?? 0;
    const first = await client(port);
    await until(() => door.socketCount === 1);
    const second = await client(port);
    second.resume();
    await once(second, "end");
    expect(door.refused.address).toBe(1);
    expect(first.destroyed).toBe(false);
    first.destroy();
    await until(() => door.socketCount === 0);
  });

  it("is counted until it is closed, over TLS and WebSocket too", async () => {
    const door = boundedDoor(10);
    const fixture = openListeners({ door });
    const [address] = await secureWeb(fixture);
    const socket = connectTls({
      port: address?.port ?? 0,
      host: "127.0.0.1",
      ca: certificate,
      servername: "localhost",
    });
    cleanUp(() => void socket.destroy());
    socket.write(upgrade + "\r\n");
    const { transport } = await fixture.first();
    expect(door.socketCount).toBe(1);
    transport.destroy();
    await until(() => door.socketCount === 0);
    await fixture.listeners.close();
  });
});
