import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, messagesOf } from "../../harness/amqplib-client.ts";
import { nth } from "../../harness/nth.ts";
import { startTarget, type Target } from "../../harness/target.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function roundTrip(properties: object) {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  channel.sendToQueue(queue, Buffer.from("x"), properties);
  return nth(await (await messagesOf(channel, queue, { noAck: true })).first(1), 0).properties;
}

test("every property arrives as it was sent", async () => {
  const properties = {
    contentType: "application/json",
    contentEncoding: "gzip",
    deliveryMode: 2,
    priority: 7,
    correlationId: "correlation",
    replyTo: "answers",
    expiration: "60000",
    messageId: "message",
    timestamp: 1_700_000_000,
    type: "kind",
    userId: target.username,
    appId: "tests",
  };
  expect(await roundTrip(properties)).toMatchObject(properties);
});

test("a message without properties arrives without any", async () => {
  const { headers, ...others } = await roundTrip({});
  expect(headers).toEqual({});
  expect(Object.entries(others).filter(([name, value]) => value !== undefined && name !== "deliveryMode")).toEqual([]);
});

test("headers of every type arrive with their type", async () => {
  const headers = {
    boolean: true,
    "a byte": -100,
    "a short": -30_000,
    "an int": 2_000_000_000,
    "a long": 2 ** 40,
    "an unsigned byte": { "!": "uint8", value: 200 },
    "an unsigned short": { "!": "uint16", value: 60_000 },
    "an unsigned int": { "!": "uint32", value: 4_000_000_000 },
    double: 3.25,
    float: { "!": "float", value: 1.5 },
    decimal: { "!": "decimal", value: { digits: 12_345, places: 2 } },
    timestamp: { "!": "timestamp", value: 1_700_000_000 },
    string: "Zeichenkette: äöü €",
    empty: "",
    bytes: Buffer.from([0, 255, 206, 1]),
    nothing: null,
    list: [1, "two", [3], { four: 4 }, null, false],
    table: { deeper: { deepest: ["x", { y: 1 }] } },
  };
  const received = (await roundTrip({ headers })).headers;
  const plain = (field: unknown): unknown =>
    typeof field === "object" && field !== null && "!" in field && /^u|^float/.test(String(field["!"]))
      ? (field as unknown as { value: unknown }).value
      : field;
  expect(received).toEqual(Object.fromEntries(Object.entries(headers).map(([name, field]) => [name, plain(field)])));
});

test("headers keep their order", async () => {
  const headers = Object.fromEntries(["z", "a", "m", "b"].map((name, index) => [name, index]));
  const received = (await roundTrip({ headers })).headers;
  expect(Object.keys(received ?? {})).toEqual(["z", "a", "m", "b"]);
});

test("a large table of headers arrives", async () => {
  const headers = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`header-${index}`, "x".repeat(40)]));
  expect((await roundTrip({ headers })).headers).toEqual(headers);
});
