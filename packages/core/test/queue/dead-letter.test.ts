import { beforeEach, describe, expect, test } from "vitest";
import { type FieldTable, findField } from "../../src/field-value.ts";
import type { Properties } from "../../src/properties.ts";
import { newMessage } from "../fixture/neutral-format.ts";
import { TestBroker, type TestChannel, table } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
  await broker.exchange("dlx", "fanout");
  await broker.queue("dead");
  await broker.bind("dlx", "dead");
});

/** The dead letter in `queue`. */
function letter(queue = "dead"): { body: string; routingKey: string; properties: Properties; headers: FieldTable } {
  const got = channel.get(queue);
  if (got === null) throw new Error(`nothing in ${queue}`);
  const { message } = got;
  const headers = message.properties.headers ?? [];
  const body = Buffer.from(message.body).toString();
  return { body, routingKey: message.route.routingKey, properties: message.properties, headers };
}

const text = (value: string): unknown => ({ kind: "string", value });

/** `x-death` as a list of objects of names and values. */
function deaths(headers: FieldTable): Record<string, unknown>[] {
  const field = findField(headers, "x-death");
  if (field?.kind !== "array") throw new Error("no x-death");
  return field.value.map((entry) => {
    if (entry.kind !== "table") throw new Error("a death is a table");
    return Object.fromEntries(entry.value);
  });
}

/** Fetches the head of `queue` and refuses it for good. */
function refuse(queue: string): void {
  const got = channel.get(queue, false);
  if (got === null) throw new Error(`nothing in ${queue}`);
  channel.channel.reject(got.deliveryTag, false, false, "reject");
}

describe("dead letters", () => {
  test("carry history, keep body, key and properties, and lose their expiration", async () => {
    await broker.queue("q", { "x-dead-letter-exchange": "dlx" });
    const headers = table({ mine: "kept" });
    channel.publish("", "q", "body", {
      headers,
      expiration: "60000",
      correlationId: "c",
      priority: 3,
      deliveryMode: 2,
    });
    refuse("q");
    const dead = letter();
    expect([dead.body, dead.routingKey]).toEqual(["body", "q"]);
    expect(dead.properties).toMatchObject({ correlationId: "c", priority: 3, deliveryMode: 2 });
    expect(dead.properties.expiration).toBeUndefined();
    expect(findField(dead.headers, "mine")).toEqual(text("kept"));
    const [death] = deaths(dead.headers);
    expect(Object.keys(death ?? {})).toEqual([
      "original-expiration",
      "count",
      "reason",
      "queue",
      "time",
      "exchange",
      "routing-keys",
    ]);
    expect(death).toEqual({
      "original-expiration": text("60000"),
      count: { kind: "int64", value: 1n },
      reason: text("rejected"),
      queue: text("q"),
      time: { kind: "timestamp", value: BigInt(broker.clock.nowMs() / 1000) },
      exchange: text(""),
      "routing-keys": { kind: "array", value: [text("q")] },
    });
    for (const name of ["first", "last"]) {
      expect(findField(dead.headers, `x-${name}-death-reason`)).toEqual(text("rejected"));
      expect(findField(dead.headers, `x-${name}-death-queue`)).toEqual(text("q"));
      expect(findField(dead.headers, `x-${name}-death-exchange`)).toEqual(text(""));
    }
    broker.clock.advance(60_000);
    expect(broker.host.queues.get("dead")?.readyCount).toBe(0);
  });

  test("go under the queue's own dead-letter key where it has one, and then without CC", async () => {
    await broker.exchange("dlx-direct", "direct");
    await broker.bind("dlx-direct", "dead", "burial");
    await broker.bind("dlx-direct", "dead", "cc");
    await broker.queue("own", { "x-dead-letter-exchange": "dlx-direct", "x-dead-letter-routing-key": "burial" });
    await broker.queue("kept", { "x-dead-letter-exchange": "dlx-direct" });
    const cc = table({ CC: { kind: "array", value: [{ kind: "string", value: "cc" }] } });
    for (const queue of ["own", "kept"]) {
      const route = channel.channel.route("", queue);
      const message = newMessage(route, queue, { headers: cc });
      message.extraKeys = ["cc"];
      channel.channel.publish(route, message, false);
      refuse(queue);
    }
    const own = letter();
    expect([own.body, own.routingKey, findField(own.headers, "CC")]).toEqual(["own", "burial", undefined]);
    const kept = letter();
    expect([kept.body, kept.routingKey, findField(kept.headers, "CC")?.kind]).toEqual(["kept", "kept", "array"]);
    expect(deaths(kept.headers)[0]?.["routing-keys"]).toEqual({ kind: "array", value: [text("kept"), text("cc")] });
  });

  test("count repeated deaths of one queue and reason in one entry, newest first", async () => {
    await broker.queue("q", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "wait" });
    await broker.queue("wait", {
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "q",
      "x-message-ttl": 1000,
    });
    const firstDeath = broker.clock.nowMs();
    channel.publish("", "q", "again");
    for (let round = 0; round < 3; round++) {
      refuse("q");
      broker.clock.advance(1000);
    }
    const { headers } = letter("q");
    const history = deaths(headers);
    expect(history.map((death) => [death.queue, death.reason, death.count])).toEqual([
      [text("wait"), text("expired"), { kind: "int64", value: 3n }],
      [text("q"), text("rejected"), { kind: "int64", value: 3n }],
    ]);
    expect(history[1]?.time).toEqual({ kind: "timestamp", value: BigInt(firstDeath / 1000) });
    expect(findField(headers, "x-first-death-reason")).toEqual(text("rejected"));
    expect(findField(headers, "x-first-death-queue")).toEqual(text("q"));
    expect(findField(headers, "x-last-death-reason")).toEqual(text("expired"));
    expect(findField(headers, "x-last-death-queue")).toEqual(text("wait"));
  });

  test("that would circle without anybody's decision are dropped, and logged", async () => {
    await broker.queue("a", { "x-message-ttl": 10, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "b" });
    await broker.queue("b", { "x-message-ttl": 10, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "a" });
    channel.publish("", "a", "round");
    broker.clock.advance(10);
    expect(broker.host.queues.get("b")?.readyCount).toBe(1);
    broker.clock.advance(10);
    expect([broker.host.queues.get("a")?.readyCount, broker.host.queues.get("b")?.readyCount]).toEqual([0, 0]);
    expect(broker.broker.totals.dropped.cycle).toBe(1);
    expect(broker.logged).toContain("message dropped: dead-lettering would send it in a circle");
  });

  test("may come straight back where they were rejected, once for each rejection", async () => {
    await broker.queue("self", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "self" });
    const consumer = channel.consume("self");
    channel.publish("", "self", "1");
    channel.publish("", "self", "2");
    expect(channel.sink.takeBodies()).toEqual(["1", "2"]);
    channel.channel.reject(0, true, false, "nack");
    expect(channel.sink.takeBodies()).toEqual(["1", "2"]);
    expect(channel.channel.unackedCount).toBe(2);
    channel.channel.reject(4, true, false, "nack");
    expect(channel.sink.takeBodies()).toEqual(["1", "2"]);
    channel.channel.cancel(consumer.tag);
  });

  test("of a missing exchange, or that no queue takes, are dropped and counted", async () => {
    await broker.queue("missing", { "x-dead-letter-exchange": "nowhere" });
    await broker.exchange("empty", "fanout");
    await broker.queue("unrouted", { "x-dead-letter-exchange": "empty" });
    for (const queue of ["missing", "unrouted"]) {
      channel.publish("", queue, "m");
      refuse(queue);
    }
    const { dropped, deadLettered } = broker.broker.totals;
    expect([dropped.rejected, dropped.unroutable, deadLettered.rejected]).toEqual([1, 1, 1]);
  });

  test.each([
    [128, 1],
    [129, 0],
  ])(
    "pass down a chain of %i full queues at once, which is as long as a chain may be: %i arrive",
    async (length, arrive) => {
      for (let index = 0; index < length; index++) {
        await broker.queue(`chain-${index}`, {
          "x-max-length": 0,
          "x-dead-letter-exchange": "",
          "x-dead-letter-routing-key": index === length - 1 ? "dead" : `chain-${index + 1}`,
        });
      }
      channel.publish("", "chain-0", "through");
      expect(broker.host.queues.get("dead")?.readyCount).toBe(arrive);
      expect(broker.broker.totals.dropped.cycle).toBe(1 - arrive);
      if (arrive === 1) expect(deaths(letter().headers)).toHaveLength(length);
    },
  );
});
