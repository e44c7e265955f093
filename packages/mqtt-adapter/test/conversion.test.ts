// Registers the formats.
import "@jackalope/amqp-adapter";
import "@jackalope/stomp-adapter";
import { type FieldValue, messageFormat, type Properties } from "@jackalope/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mqttFormat } from "../src/mapping.ts";
import { encodeProperties } from "../src/property-codec.ts";

const amqp = messageFormat("amqp-0-9-1");
const stomp = messageFormat("stomp");
const mqtt = mqttFormat(1, "none");

const string = (value: string): FieldValue => ({ kind: "string", value });
const size = fc.constantFrom(0, 1, 100, 255, 256, 65_535);
const text = fc.tuple(size, fc.constantFrom("a", "é", "😀", "+")).map(([length, unit]) => unit.repeat(length));
const name = fc.oneof(
  text,
  fc.constantFrom("amqp.type", "amqp.message-id", "amqp.priority", "x-mqtt-topic", "x-reply-to-topic", "x-death", "CC"),
);

/** Native properties of MQTT of all sizes, in this way sound whatever they are. */
const native = fc
  .record(
    {
      contentType: text,
      correlationId: text,
      replyTo: text,
      headers: fc.array(fc.tuple(name, text.map(string)), { maxLength: 5 }),
    },
    { requiredKeys: [] },
  )
  .map((properties) => encodeProperties(properties as Properties));

describe("properties of MQTT in another protocol", () => {
  it.each([
    ["AMQP", amqp],
    ["STOMP", stomp],
  ])("can be written and read back, whatever their size: %s", (_, format) => {
    fc.assert(
      fc.property(native, (bytes) => {
        const encoded = format.fromProperties(mqtt.toProperties(bytes));
        // Once more changes nothing: what could not be carried is gone at once.
        expect(Buffer.compare(format.fromProperties(format.toProperties(encoded)), encoded)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it("too long for a short string of AMQP are headers where they matter", () => {
    const long = "x".repeat(300);
    const bytes = encodeProperties({
      correlationId: long,
      replyTo: `/mqtt/${long}`,
      messageId: long,
      headers: [[long, string("v")]],
    });
    const { headers, ...rest } = amqp.toProperties(amqp.fromProperties(mqtt.toProperties(bytes)));
    expect(rest).toEqual({ deliveryMode: 2 });
    expect(headers).toEqual([
      ["x-reply-to-topic", string(long)],
      ["x-correlation-id", string(long)],
      ["amqp.message-id", string(long)],
      ["x".repeat(255), string("v")],
    ]);
  });

  it("keep the history of deaths with its types, so that a message that dies twice keeps its first death", () => {
    const death: FieldValue = {
      kind: "table",
      value: [
        ["count", { kind: "int64", value: 2n }],
        ["reason", string("rejected")],
        ["queue", string("q")],
        ["time", { kind: "timestamp", value: 1_700_000_000n }],
        ["routing-keys", { kind: "array", value: [string("a.b")] }],
      ],
    };
    const headers = [["x-death", { kind: "array", value: [death] }]] as const;
    expect(mqttFormat(0, "none").toProperties(encodeProperties({ headers })).headers).toEqual(headers);
  });

  it("keep order and duplicates in AMQP, and the first of a name in STOMP", () => {
    const headers = [
      ["b", string("1")],
      ["a", string("2")],
      ["b", string("3")],
    ] as const;
    const properties = mqtt.toProperties(encodeProperties({ headers }));
    expect(amqp.toProperties(amqp.fromProperties(properties)).headers).toEqual(headers);
    expect(stomp.toProperties(stomp.fromProperties(properties)).headers).toEqual([
      ["b", string("1")],
      ["a", string("2")],
    ]);
  });

  it("come back from AMQP as they went, correlation data of any bytes included", () => {
    const data = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(data, (bytes) => {
        const block = Buffer.concat([Buffer.of(0x09, bytes.length >> 8, bytes.length & 0xff), bytes]);
        const there = amqp.fromProperties(mqtt.toProperties(block));
        expect(Buffer.from(mqtt.fromProperties(amqp.toProperties(there)))).toEqual(block);
      }),
    );
  });
});
