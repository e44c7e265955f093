import { describe, expect, test } from "vitest";
import type { FieldValue } from "../../src/field-value.ts";
import { readQueueArguments } from "../../src/queue/queue-arguments.ts";
import { refusal, table } from "../fixture/test-broker.ts";

const dead = { "x-dead-letter-exchange": "dlx" };

describe("readQueueArguments", () => {
  test("an empty table leaves everything off", () => {
    expect(readQueueArguments([], "q", "/")).toEqual({
      type: "classic",
      messageTtlMs: -1,
      expiresMs: -1,
      lengthMax: -1,
      lengthBytesMax: -1,
      overflow: "drop-head",
      deadLetterExchange: null,
      deadLetterRoutingKey: null,
      priorityMax: 0,
      singleActiveConsumer: false,
      transientLengthMax: -1,
      deliveryLimit: -1,
    });
  });

  test("integers of any width, mode and version, and arguments nobody knows are taken", () => {
    const args = table({
      "x-message-ttl": { kind: "int64", value: 0n },
      "x-expires": { kind: "uint8", value: 5 },
      "x-max-priority": { kind: "int16", value: 255 },
      "x-queue-mode": "lazy",
      "x-queue-version": 2,
      "x-whatever": true,
      ...dead,
      "x-dead-letter-routing-key": "",
    });
    expect(readQueueArguments(args, "q", "/")).toMatchObject({
      messageTtlMs: 0,
      expiresMs: 5,
      priorityMax: 255,
      deadLetterExchange: "dlx",
      deadLetterRoutingKey: "",
    });
  });

  test.each([
    [{}, 20],
    [{ "x-delivery-limit": 3 }, 3],
    [{ "x-delivery-limit": -1 }, -1],
  ])("a quorum queue with %j allows %i failed deliveries", (args, limit) => {
    expect(readQueueArguments(table({ "x-queue-type": "quorum", ...args }), "q", "/").deliveryLimit).toBe(limit);
  });

  test.each<[string, string | number | boolean | FieldValue, string]>([
    ["x-message-ttl", "soon", '"expected integer, got longstr"'],
    ["x-message-ttl", -1, "{value_negative,-1}"],
    ["x-message-ttl", { kind: "int64", value: 315360000001n }, "{value_too_large,315360000001}"],
    ["x-message-ttl", { kind: "double", value: 1 }, '"expected integer, got double"'],
    ["x-expires", 0, "{value_zero,0}"],
    ["x-expires", -5, "{value_negative,-5}"],
    ["x-max-length", -1, "{value_negative,-1}"],
    ["x-max-length-bytes", true, '"expected integer, got bool"'],
    ["x-queue-type", "heap", "\"unsupported queue type 'heap'\""],
    ["x-max-priority", 256, "{max_value_exceeded,256}"],
    ["x-max-priority", -1, "{value_negative,-1}"],
    ["x-overflow", "drop-tail", "invalid_overflow"],
    ["x-overflow", 1, "{unacceptable_type,signedint}"],
    ["x-single-active-consumer", "yes", "{unacceptable_type,longstr}"],
    ["x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined"],
  ])("%s is refused in RabbitMQ's words (case %#)", async (name, value, why) => {
    expect(await refusal(() => readQueueArguments(table({ [name]: value }), "q", "/"))).toBe(
      `precondition-failed: invalid arg '${name}' for queue 'q' in vhost '/': ${why}`,
    );
  });

  test("a dead-letter exchange that is no string is refused in RabbitMQ's words", async () => {
    expect(await refusal(() => readQueueArguments(table({ "x-dead-letter-exchange": 1 }), "q", "/"))).toBe(
      "precondition-failed: invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
    );
  });

  test("names and keys that AMQP's wire cannot carry are refused", async () => {
    const exchange = { "x-dead-letter-exchange": "x" };
    const longest = { ...exchange, "x-dead-letter-routing-key": "é".repeat(127) + "k" };
    expect(readQueueArguments(table(longest), "q", "/").deadLetterRoutingKey).toHaveLength(128);
    for (const [name, text, bytes] of [
      ["x-dead-letter-routing-key", "é".repeat(128), 256],
      ["x-dead-letter-routing-key", "k".repeat(70_000), 70_000],
      ["x-dead-letter-exchange", "x".repeat(256), 256],
    ] as const) {
      expect(await refusal(() => readQueueArguments(table({ ...exchange, [name]: text }), "q", "/"))).toBe(
        `precondition-failed: invalid arg '${name}' for queue 'q' in vhost '/': {value_too_long,${bytes}}`,
      );
    }
  });

  test("a queue type nobody has is refused", async () => {
    expect(await refusal(() => readQueueArguments(table({ "x-queue-type": "stream" }), "q", "/"))).toMatch(
      /^precondition-failed: invalid arg 'x-queue-type' for queue 'q' in vhost '\/': /,
    );
  });
});
