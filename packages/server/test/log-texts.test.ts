import { once } from "node:events";
import { connect } from "node:net";
import type { LogFields } from "@jackalope/core";
import { httpAnswer, upgradeHeaders } from "@jackalope/testkit";
import { expect, test, vi } from "vitest";
import { logTextLengthMax } from "../src/bounded-logger.ts";
import { createBroker } from "../src/index.ts";
import { atEnd } from "./broker-fixture.ts";

const long = "n".repeat(2000);

/** Says it and waits for the end, or for an answer where that is all there is. */
async function say(port: number | null, ...said: (Buffer | string)[]): Promise<void> {
  const socket = connect({ port: port ?? 0, host: "127.0.0.1" });
  atEnd(() => void socket.destroy());
  socket.on("error", () => undefined);
  for (const bytes of said) socket.write(bytes);
  await once(socket, "data");
}

/** CONNECT of MQTT 3.1.1 with a long client id and user name. */
function mqttConnect(): Buffer {
  const text = Buffer.concat([Buffer.of(long.length >> 8, long.length & 0xff), Buffer.from(long)]);
  const body = Buffer.concat([Buffer.from("00044d5154540482003c", "hex"), text, text]);
  return Buffer.concat([Buffer.of(0x10, 0x80 | (body.length & 0x7f), body.length >> 7), body]);
}

/** connection.start-ok with a mechanism as long as a short string may be, behind the protocol header. */
function amqpStartOk(): Buffer {
  const mechanism = Buffer.from("m".repeat(255));
  const method = Buffer.concat([
    Buffer.from("000a000b00000000", "hex"),
    Buffer.of(mechanism.length),
    mechanism,
    Buffer.from("0000000000", "hex"),
  ]);
  const head = Buffer.alloc(7);
  head[0] = 1;
  head.writeUInt32BE(method.length, 3);
  return Buffer.concat([Buffer.from("AMQP\0\0\x09\x01", "latin1"), head, method, Buffer.of(0xce)]);
}

test("no text of a client fills the log, whatever it speaks", async () => {
  const lines: { fields: LogFields; text: string }[] = [];
  const keep = (fields: LogFields, text: string): void => void lines.push({ fields, text });
  const ports = { mqttPort: 0, mqttWsPort: 0, stompPort: 0, stompWsPort: 0 } as const;
  const origins = { stompOrigins: ["https://good.example"], mqttOrigins: ["https://good.example"] };
  const logger = { debug: keep, info: keep, warn: keep, error: keep };
  const broker = await createBroker({ ...ports, ...origins, logger });
  atEnd(() => broker.close());
  const { amqp, mqtt, mqttWs, stomp, stompWs } = broker.ports;
  const upgrade = async (port: number | null): Promise<void> => {
    const headers = { ...upgradeHeaders, origin: `https://${long}.example` };
    expect((await httpAnswer(port ?? 0, "/ws", headers)).status).toBe(403);
  };
  const texts = () =>
    lines.flatMap(({ fields, text }) => [text, ...Object.values(fields)]).filter((each) => typeof each === "string");
  const cut = () => texts().filter((text) => text.endsWith("…"));
  const refusals = () => lines.filter(({ text }) => text.includes("refused")).length;
  const attempts = [
    () => say(stomp, `CONNECT\naccept-version:1.2\nlogin:${long}\npasscode:x\n\n\0`),
    () => say(stomp, `CONNECT\naccept-version:1.2\nlogin:x\npasscode:x\nheart-beat:${long}\n\n\0`),
    () => say(mqtt, mqttConnect()),
    () => say(amqp, amqpStartOk()),
    () => upgrade(mqttWs),
    () => upgrade(stompWs),
  ];
  for (const attempt of attempts) {
    const before = refusals();
    await attempt();
    // A line an address and second.
    await vi.waitFor(() => expect(refusals()).toBeGreaterThan(before), 5000);
  }
  expect(cut().length).toBeGreaterThanOrEqual(4);
  for (const text of texts()) expect(text.length).toBeLessThanOrEqual(logTextLengthMax);
}, 60_000);
