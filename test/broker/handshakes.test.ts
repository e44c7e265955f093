import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { certificate, privateKey } from "@jackalope/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectPacket } from "../harness/mqtt-wire.ts";
import { type TemporaryFolder, temporaryFolder } from "../harness/temporary-folder.ts";
import { once } from "../harness/waiting.ts";

const handshakeTimeoutMs = 400;
/** Longest time that a socket may be open: the limit, a goodbye, and what a busy machine adds. */
const boundMs = 6000;

let broker: EmbeddedBroker;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder("jackalope-tls-");
  const [tlsCertificate, tlsKey] = [join(folder.path, "certificate.pem"), join(folder.path, "key.pem")];
  writeFileSync(tlsCertificate, certificate);
  writeFileSync(tlsKey, privateKey);
  const names = ["amqp", "mqtt", "mqttWs", "stomp", "stompWs", "management"].map((name) => `${name}Port`);
  const tlsNames = ["amqpTlsPort", "mqttTlsPort", "mqttWssPort", "stompTlsPort", "stompWssPort"];
  const free = Object.fromEntries([...names, ...tlsNames].map((name) => [name, 0]));
  broker = await createBroker({ ...free, tlsCertificate, tlsKey, handshakeTimeout: handshakeTimeoutMs });
});

afterAll(async () => {
  await broker.close();
  await folder.remove();
});

type PortName = keyof EmbeddedBroker["ports"];

const plainPorts = ["amqp", "mqtt", "mqttWs", "stomp", "stompWs", "management"] as const satisfies readonly PortName[];
const tlsPorts = ["amqpTls", "mqttTls", "mqttWss", "stompTls", "stompWss"] as const satisfies readonly PortName[];

const upgrade =
  "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/** The head of a client's frame that will have 16 MiB, and none of them. */
const longFrame = Buffer.from("82ff0000000001000000000000000", "hex");

/** What clients say that then say no more. */
const beginnings: readonly (readonly [what: string, said: string | Buffer])[] = [
  ["nothing", ""],
  ["the beginning of a TLS handshake", Buffer.from("160301020001", "hex")],
  ["half an AMQP header", "AMQP"],
  ["an AMQP header", Buffer.from("AMQP\0\0\x09\x01", "latin1")],
  ["half a CONNECT of MQTT", connectPacket({ version: 4 }).subarray(0, 8)],
  ["half a CONNECT of STOMP", "CONNECT\naccept-version:1.2\n"],
  ["nothing but heart-beats", "\n\n\n"],
  ["half a head of HTTP", "GET /ws HTTP/1.1\r\nHost: h\r\n"],
  ["a WebSocket", upgrade],
  ["a WebSocket with a message that does not come", Buffer.concat([Buffer.from(upgrade), longFrame])],
];

/** Says it, reads everything, and never closes; resolves when the broker has let go of the socket altogether. */
async function isClosed(socket: Socket, said: string | Buffer): Promise<void> {
  // Where the broker has only closed its side, nothing is refused.
  const prod = setInterval(() => {
    if (socket.readableEnded) socket.write("x");
  }, 20);
  onTestFinished(() => {
    clearInterval(prod);
    socket.destroy();
  });
  socket.on("error", () => undefined);
  const closed = once<void>("the broker's end", (happened) => socket.once("close", () => happened()), boundMs);
  socket.resume();
  socket.write(said);
  await closed;
}

/** All at once, each by a socket of its own; the beginnings of those that are still open. */
async function stillOpen(dial: () => Socket): Promise<readonly string[]> {
  const outcomes = beginnings.map(async ([what, said]) => {
    try {
      await isClosed(dial(), said);
      return null;
    } catch {
      return what;
    }
  });
  return (await Promise.all(outcomes)).filter((what) => what !== null);
}

const host = "127.0.0.1";
const bare = (name: PortName) => () => connect({ port: broker.ports[name] ?? 0, host, allowHalfOpen: true });
const tlsOptions = { host, servername: "localhost", ca: certificate, allowHalfOpen: true };
const secure = (name: PortName) => () => connectTls({ port: broker.ports[name] ?? 0, ...tlsOptions });

describe("who does not log in is gone in time, whatever it said and though it does not close:", () => {
  test.each(plainPorts)("port %s", async (name) => {
    expect(await stillOpen(bare(name))).toEqual([]);
  });

  test.each(tlsPorts)("port %s, over TLS and below it", async (name) => {
    expect(await Promise.all([stillOpen(secure(name)), stillOpen(bare(name))])).toEqual([[], []]);
  });

  test.each(plainPorts)("port %s, by a client that has closed its side", async (name) => {
    const socket = bare(name)();
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    const closed = once<void>("the broker's end", (happened) => socket.once("close", () => happened()), boundMs);
    socket.resume();
    socket.end("AMQP");
    await closed;
  });
});

test("nobody is counted any more", async () => {
  const text = await (await fetch(`http://127.0.0.1:${broker.ports.management}/metrics`)).text();
  // The one that asks.
  expect(text).toContain("\njackalope_sockets 1\n");
});
