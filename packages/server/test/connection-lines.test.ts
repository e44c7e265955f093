import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { LogFields } from "@jackalope/core";
import { ClientStream } from "@jackalope/transport";
import { describe, expect, test, vi } from "vitest";
import { createBroker, type CreateBrokerOptions } from "../src/index.ts";
import { atEnd } from "./broker-fixture.ts";

type Line = LogFields & { readonly text: string };

function frame(channel: number, classId: number, methodId: number, ...values: Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.of(0, classId, 0, methodId), ...values]);
  const head = Buffer.alloc(7);
  head[0] = 1;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(0xce)]);
}

const shortText = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);

/** Protocol header, connection.start-ok as guest, tune-ok and open. */
const amqpOpening = Buffer.concat([
  Buffer.from("AMQP\0\0\x09\x01", "latin1"),
  frame(
    0,
    10,
    11,
    Buffer.alloc(4),
    shortText("PLAIN"),
    Buffer.from("\0\0\0\x0c\0guest\0guest", "latin1"),
    shortText(""),
  ),
  frame(0, 10, 31, Buffer.from("07ff000200000000", "hex")),
  frame(0, 10, 40, shortText("/"), Buffer.of(0, 0)),
]);
const amqpClose = frame(0, 10, 50, Buffer.from("00c80000000000", "hex"));
const amqpUnknown = frame(0, 99, 99);

const guest = Buffer.from("\0\x05guest", "latin1");
const mqttConnect = Buffer.concat([Buffer.from("101b00044d51545404c2003c0001", "hex"), Buffer.from("m"), guest, guest]);
const mqttDisconnect = Buffer.of(0xe0, 0);

const stompConnect = Buffer.from("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0");
const stompDisconnect = Buffer.from("DISCONNECT\n\n\0");

const protocols = [
  ["amqp", "AMQP 0-9-1", amqpOpening, amqpClose, "connection.close", amqpUnknown],
  ["mqtt", "MQTT 3.1.1", mqttConnect, mqttDisconnect, "DISCONNECT", mqttConnect],
  ["stomp", "STOMP 1.2", stompConnect, stompDisconnect, "DISCONNECT", Buffer.from("NONSENSE\n\n\0")],
] as const;

async function openBroker(options: CreateBrokerOptions = {}) {
  const lines: Line[] = [];
  const info = (fields: LogFields, text: string): void => void lines.push({ ...fields, text });
  const nothing = (): void => undefined;
  const logger = { debug: nothing, info, warn: info, error: nothing };
  const broker = await createBroker({ mqttPort: 0, stompPort: 0, ...options, logger });
  atEnd(() => broker.close());
  const closings = () => lines.filter(({ text }) => text === "connection closed");
  const logIn = async (protocol: "amqp" | "mqtt" | "stomp", opening: Buffer): Promise<Socket> => {
    const socket = connect({ port: broker.ports[protocol] ?? 0, host: "127.0.0.1" });
    atEnd(() => void socket.destroy());
    socket.on("error", nothing).resume();
    await once(socket, "connect");
    socket.write(opening);
    await vi.waitFor(() => expect(lines.some(({ text }) => text === "connection opened")).toBe(true));
    return socket;
  };
  return { broker, lines, closings, logIn };
}

describe.each(protocols)("the end of a connection of %s", (protocol, version, opening, goodbye, spoken, wrong) => {
  test.each([
    ["a goodbye", goodbye, { by: "client", reason: spoken }],
    ["none", null, { by: "client", reason: "the stream ended without a goodbye" }],
    ["an error", wrong, { by: "broker" }],
  ])("is told once, with who it was and why: %s", async (_, said, expected) => {
    const { closings, logIn } = await openBroker();
    const socket = await logIn(protocol, opening);
    if (said === null) socket.end();
    else socket.write(said);
    await vi.waitFor(() => expect(closings()).toHaveLength(1));
    socket.destroy();
    const [closing] = closings();
    expect(closing).toMatchObject({ user: "guest", virtualHost: "/", version, ...expected });
    expect(closing?.["peer"]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(closing?.["lastedMs"]).toBeGreaterThanOrEqual(0);
  });

  test("is told as the broker's where a fault of its own ended it", async () => {
    const { closings, logIn } = await openBroker();
    const socket = await logIn(protocol, opening);
    const push = vi.spyOn(ClientStream.prototype, "push").mockImplementationOnce(() => {
      throw new Error("a fault of ours");
    });
    atEnd(() => push.mockRestore());
    socket.write(goodbye);
    await vi.waitFor(() => expect(closings()).toHaveLength(1));
    expect(closings()).toMatchObject([{ by: "broker", reason: "cut off", user: "guest", version }]);
  });

  test("is told when the broker stops", async () => {
    const { broker, closings, logIn } = await openBroker();
    await logIn(protocol, opening);
    await broker.close();
    expect(closings()).toMatchObject([{ by: "broker", reason: "shutdown", user: "guest", version }]);
  });
});

test("the aedes engine tells the same", async () => {
  const { closings, logIn } = await openBroker({ mqttEngine: "aedes" });
  (await logIn("mqtt", mqttConnect)).write(mqttDisconnect);
  await vi.waitFor(() => expect(closings()).toHaveLength(1));
  expect(closings()[0]).toMatchObject({ user: "guest", clientId: "m", version: "MQTT 3.1.1", by: "client" });
});
