import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { certificate, privateKey } from "@jackalope/testkit";
import { expect, onTestFinished, test } from "vitest";
import { allocatorSettings } from "../harness/allocator-settings.ts";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { scaleOptions, weigh } from "../harness/memory-scale.ts";
import { waitFor } from "../harness/waiting.ts";

const kibibyte = 1024;
/** Brings the process to the size that it has with clients; not counted. */
const firstCount = 60;
const countedCount = 300;
/** What is alive of one: the heap in use, and the buffers beside it, after a collection. */
const aliveBytesMax = 64 * kibibyte;
/** What the process grows by for one: holes that the allocator keeps, and native memory of TLS, are in it. */
const residentBytesMax = 128 * kibibyte;

const upgrade = Buffer.from(
  "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
);

/** A message of many fragments, masked with zeros, that does not end. */
function inFragments(bytes: Buffer, opcode: number, fragmentBytes: number): Buffer {
  const fragments = inPieces(bytes, fragmentBytes);
  const frames = fragments.map((fragment, index) =>
    Buffer.concat([Buffer.of(index === 0 ? opcode : 0, 0x80 | fragment.length, 0, 0, 0, 0), fragment]),
  );
  return Buffer.concat(frames);
}

function inPieces(bytes: Buffer, pieceBytes: number): Buffer[] {
  const count = Math.ceil(bytes.length / pieceBytes);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes));
}

/** About as much of a CONNECT as STOMP takes of a stranger, without its last byte. */
const stompHeaders = Array.from({ length: 5 }, (_, index) => `h${index}:${"x".repeat(4000)}\n`).join("");
const stomp = Buffer.from(`CONNECT\ncontent-length:12000\n${stompHeaders}\n${"b".repeat(12_000)}`);
/** The same of MQTT: a remaining length of 32,700 bytes. */
const mqttBytes = 32_700;
const mqtt = Buffer.concat([
  Buffer.of(0x10, 0x80 | (mqttBytes & 0x7f), 0x80 | ((mqttBytes >> 7) & 0x7f), mqttBytes >> 14),
  Buffer.from("00044d51545404c2003c", "hex"),
  Buffer.alloc(mqttBytes - 11),
]);
/** A protocol header, and a frame of 8,176 bytes without its end. */
const amqp = Buffer.concat([
  Buffer.from("AMQP\0\0\x09\x01", "latin1"),
  Buffer.from("01000000001ff0", "hex"),
  Buffer.alloc(8100),
]);
/** A record of TLS with the first 8,000 bytes of a ClientHello. */
const hello = Buffer.concat([Buffer.from("1603011f4001001ff0", "hex"), Buffer.alloc(8000 - 4)]);
const httpHead = Buffer.from(
  `GET /ws HTTP/1.1\r\n${Array.from({ length: 1500 }, (_, index) => `${index.toString(36)}h:1\r\n`).join("")}`,
);

type PortName = "amqpPort" | "mqttPort" | "mqttWsPort" | "stompPort" | "stompWsPort" | "stompTlsPort";

/** What each says, and what of it the broker has to keep, so that nothing is weighed before it has come. */
const states: readonly (readonly [what: string, port: PortName, said: readonly Buffer[], keptBytes: number])[] = [
  ["nothing", "stompPort", [], 0],
  ["a head of STOMP", "stompPort", [stomp.subarray(0, 20_000)], 20_000],
  ["a frame of STOMP", "stompPort", [stomp], stomp.length],
  ["a frame of STOMP behind heart-beats", "stompPort", [Buffer.alloc(60_000, "\n"), stomp], stomp.length],
  ["a frame of STOMP, in pieces", "stompPort", inPieces(stomp, 256), stomp.length],
  ["a frame of STOMP over WebSocket, in fragments", "stompWsPort", [upgrade, inFragments(stomp, 1, 8)], stomp.length],
  ["a packet of MQTT", "mqttPort", [mqtt], mqttBytes],
  ["a packet of MQTT, in pieces", "mqttPort", inPieces(mqtt, 256), mqttBytes],
  ["a packet of MQTT over WebSocket, in fragments", "mqttWsPort", [upgrade, inFragments(mqtt, 2, 1)], mqttBytes],
  ["a frame of AMQP", "amqpPort", [amqp], 8000],
  ["a head of HTTP", "stompWsPort", [httpHead], httpHead.length],
  ["a ClientHello of TLS", "stompTlsPort", [hello], 0],
  ["half a ClientHello of TLS", "stompTlsPort", [hello.subarray(0, 100)], 0],
];

async function startBroker(): Promise<BrokerProcess> {
  const dataDir = await temporaryDataDir();
  const [certificateFile, keyFile] = [join(dataDir, "certificate.pem"), join(dataDir, "key.pem")];
  writeFileSync(certificateFile, certificate);
  writeFileSync(keyFile, privateKey);
  const ports = ["amqp-tls", "mqtt-tls", "mqtt-wss", "mqtt-ws", "stomp-tls", "stomp-wss"];
  const args = [...ports.flatMap((name) => [`--${name}-port`, "0"]), "--handshake-timeout", "60s"];
  const tls = ["--tls-certificate", certificateFile, "--tls-key", keyFile];
  return startBrokerProcess(dataDir, [...args, ...tls], 30_000, null, {
    ...allocatorSettings,
    NODE_OPTIONS: scaleOptions,
  });
}

/** Resolves when `count` strangers have said everything. */
async function come(port: number, said: readonly Buffer[], count: number): Promise<{ goneCount: number }> {
  const seen = { goneCount: 0 };
  const strangers = Array.from({ length: count }, async () => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined).on("close", () => seen.goneCount++);
    socket.resume();
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    for (const piece of said) await new Promise<void>((resolve) => void socket.write(piece, () => resolve()));
  });
  await Promise.all(strangers);
  return seen;
}

test.each(states)(
  "a stranger who leaves %s unfinished keeps 64 KiB alive at most",
  async (_, portName, said, keptBytes) => {
    const broker = await startBroker();
    const line = broker.log.split("\n").find((text) => text.includes('"msg":"ready"')) ?? "{}";
    const port = Number((JSON.parse(line) as Partial<Record<PortName, number>>)[portName]);
    const first = await come(port, said, firstCount);
    await waitFor("the first", async () => (await broker.metric("jackalope_sockets")) > firstCount);
    const before = { alive: await weigh(broker), resident: await broker.residentBytes() };
    const counted = await come(port, said, countedCount);
    const aliveCost = async (): Promise<number> => ((await weigh(broker)) - before.alive) / countedCount;
    // Until a chunk has had its turn it is more: a socket's read, 64 KiB.
    const mayBe = async (): Promise<boolean> => {
      const bytes = await aliveCost();
      return bytes >= keptBytes && bytes < aliveBytesMax;
    };
    await waitFor("all of it to have come, and to cost no more than it may", mayBe, 40_000);
    const resident = ((await broker.residentBytes()) - before.resident) / countedCount;
    expect(resident).toBeLessThan(residentBytesMax);
    expect(first.goneCount + counted.goneCount).toBe(0);
  },
  60_000,
);
