import { beforeEach, describe, expect, test } from "vitest";
import { PublishResult } from "../../src/channel/publish-result.ts";
import { KeepingStorage } from "../fixture/keeping-storage.ts";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
});

const ready = (name: string): number | undefined => broker.host.queues.get(name)?.readyCount;

/** `dead` gets what the exchange `dlx` is given. */
async function deadLetterQueue(): Promise<void> {
  await broker.exchange("dlx", "fanout");
  await broker.queue("dead");
  await broker.bind("dlx", "dead");
}

describe("time to live", () => {
  test("the queue's, the message's, or the shorter of both: expired messages go when the time comes", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-message-ttl": 1000, "x-dead-letter-exchange": "dlx" });
    channel.publish("", "q", "short", { expiration: "400" });
    channel.publish("", "q", "queue");
    channel.publish("", "q", "long", { expiration: "5000" });
    broker.clock.advance(399);
    expect(ready("q")).toBe(3);
    broker.clock.advance(1);
    expect([ready("q"), channel.drain("dead")]).toEqual([2, ["short"]]);
    broker.clock.advance(600);
    expect([ready("q"), channel.drain("dead")]).toEqual([0, ["queue", "long"]]);
    expect(broker.broker.totals.deadLettered.expired).toBe(3);
  });

  test("a message expires at the head only; behind another one it waits for its turn", async () => {
    await broker.queue("q");
    channel.publish("", "q", "first", { expiration: "2000" });
    channel.publish("", "q", "behind", { expiration: "500" });
    broker.clock.advance(1000);
    expect(ready("q")).toBe(2);
    expect(channel.drain("q")).toEqual(["first"]);
  });

  test("one that ran out behind a message without expiry goes as soon as that one is taken", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-dead-letter-exchange": "dlx" });
    channel.publish("", "q", "stays");
    channel.publish("", "q", "runs out", { expiration: "500" });
    channel.publish("", "q", "runs out later", { expiration: "5000" });
    broker.clock.advance(1000);
    expect(ready("q")).toBe(3);
    channel.get("q");
    expect([ready("q"), channel.drain("dead")]).toEqual([1, ["runs out"]]);
    broker.clock.advance(4000);
    expect([ready("q"), channel.drain("dead")]).toEqual([0, ["runs out later"]]);
  });

  test("zero means now or never", async () => {
    await broker.queue("q", { "x-message-ttl": 0 });
    channel.publish("", "q", "never");
    expect(ready("q")).toBe(0);
    channel.consume("q");
    channel.publish("", "q", "now");
    expect(channel.sink.bodies).toEqual(["now"]);
    broker.clock.advance(10_000);
    channel.channel.reject(0, true, true, "nack");
    expect(channel.sink.bodies).toEqual(["now"]);
    expect(ready("q")).toBe(0);
  });

  test("a message that ran out and is pushed out dies of its expiry", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-max-length": 1, "x-dead-letter-exchange": "dlx" });
    for (const body of ["1", "2"]) channel.publish("", "q", body, body === "2" ? { expiration: "0" } : {});
    channel.publish("", "q", "3");
    expect([ready("q"), channel.drain("dead")]).toEqual([1, ["1", "2"]]);
    expect(broker.broker.totals.deadLettered).toMatchObject({ maxlen: 1, expired: 1 });
  });

  test("counts from the publish, for requeued messages too", async () => {
    await broker.queue("q", { "x-message-ttl": 1000 });
    channel.publish("", "q", "m");
    const got = channel.get("q", false);
    broker.clock.advance(600);
    channel.channel.reject(got?.deliveryTag ?? 0, false, true, "nack");
    expect(ready("q")).toBe(1);
    broker.clock.advance(400);
    expect(ready("q")).toBe(0);
  });

  test("each priority's head expires by itself", async () => {
    await broker.queue("q", { "x-max-priority": 5 });
    channel.publish("", "q", "high", { priority: 5, expiration: "5000" });
    channel.publish("", "q", "low", { priority: 1, expiration: "500" });
    broker.clock.advance(500);
    expect(channel.drain("q")).toEqual(["high"]);
  });
});

describe("length limits", () => {
  test("drop-head keeps the newest and dead-letters the oldest as maxlen", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-max-length": 2, "x-dead-letter-exchange": "dlx" });
    for (const body of ["1", "2", "3", "4"]) channel.publish("", "q", body);
    expect([channel.drain("dead"), channel.drain("q")]).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(broker.broker.totals.deadLettered.maxlen).toBe(2);
  });

  test("unacknowledged messages do not count, until they come back", async () => {
    await broker.queue("q", { "x-max-length": 2 });
    const taken: number[] = [];
    for (const body of ["1", "2"]) {
      channel.publish("", "q", body);
      taken.push(channel.get("q", false)?.deliveryTag ?? 0);
    }
    for (const body of ["3", "4"]) channel.publish("", "q", body);
    expect(ready("q")).toBe(2);
    channel.channel.reject(taken[1] ?? 0, true, true, "nack");
    expect(channel.drain("q")).toEqual(["3", "4"]);
  });

  test("a message above the bound is refused even where a consumer waits", async () => {
    await broker.queue("q", { "x-max-length-bytes": 4, "x-overflow": "reject-publish" });
    channel.consume("q", { noAck: true });
    expect(channel.publish("", "q", "larger")).toBe(PublishResult.rejected);
    expect(channel.publish("", "q", "tiny")).toBe(PublishResult.routed);
    expect(channel.sink.bodies).toEqual(["tiny"]);
  });

  test("bytes are bounded, and a message above the bound does not stay", async () => {
    await broker.queue("q", { "x-max-length-bytes": 10 });
    for (const body of ["aaaa", "bbbb", "cccc"]) channel.publish("", "q", body);
    expect(channel.drain("q")).toEqual(["bbbb", "cccc"]);
    channel.publish("", "q", "x".repeat(11));
    expect(ready("q")).toBe(0);
  });

  test("properties do not count as bytes", async () => {
    await broker.queue("q", { "x-max-length-bytes": 10 });
    for (const body of ["aaaa", "bbbb", "cccc"]) channel.publish("", "q", body, { messageId: "x".repeat(50) });
    expect(channel.drain("q")).toEqual(["bbbb", "cccc"]);
  });

  test.each(["x-max-length", "x-max-length-bytes"])(
    "reject-publish refuses what %s leaves no room for",
    async (limit) => {
      await broker.queue("q", { [limit]: 2, "x-overflow": "reject-publish" });
      channel.channel.confirmSelect();
      for (const body of ["1", "2", "3"]) channel.publish("", "q", body);
      broker.endTurn();
      expect(channel.sink.takeEvents()).toEqual(["confirm 2*", "refuse 3"]);
      expect(channel.drain("q")).toEqual(["1", "2"]);
      channel.publish("", "q", "4");
      broker.endTurn();
      expect(channel.sink.takeEvents()).toEqual(["confirm 4"]);
    },
  );

  test("reject-publish-dlx refuses and dead-letters the newest", async () => {
    await deadLetterQueue();
    const limits = { "x-max-length": 1, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "dlx" };
    await broker.queue("q", limits);
    channel.channel.confirmSelect();
    for (const body of ["1", "2"]) channel.publish("", "q", body);
    broker.endTurn();
    expect(channel.sink.events).toEqual(["confirm 1", "refuse 2"]);
    expect([channel.drain("q"), channel.drain("dead")]).toEqual([["1"], ["2"]]);
  });

  test("a publish that one of several queues refuses is refused, the others have it", async () => {
    await broker.queue("full", { "x-max-length": 0, "x-overflow": "reject-publish" });
    await broker.queue("open");
    for (const queue of ["full", "open"]) await broker.bind("amq.fanout", queue);
    channel.channel.confirmSelect();
    channel.publish("amq.fanout", "", "m");
    broker.endTurn();
    expect(channel.sink.events).toEqual(["refuse 1"]);
    expect(channel.drain("open")).toEqual(["m"]);
  });
});

describe("priorities", () => {
  test("the highest goes first, in order within one, and above the maximum counts as the maximum", async () => {
    await broker.queue("q", { "x-max-priority": 3 });
    for (const [body, priority] of [
      ["a", 1],
      ["b", 3],
      ["c", 9],
      ["d", 0],
      ["e", 1],
    ] as const) {
      channel.publish("", "q", body, { priority });
    }
    expect(channel.drain("q")).toEqual(["b", "c", "a", "e", "d"]);
  });

  test("count for nothing on a queue without them", async () => {
    await broker.queue("q");
    channel.publish("", "q", "a", { priority: 0 });
    channel.publish("", "q", "b", { priority: 9 });
    expect(channel.drain("q")).toEqual(["a", "b"]);
  });
});

describe("delivery limit", () => {
  /** Delivers the head and gives it back by `how`; its delivery count as it was delivered. */
  function giveBack(how: "reject" | "nack" | "close"): number | undefined {
    const taker = broker.channel();
    const got = taker.get("q", false);
    if (how === "close") taker.channel.close();
    else taker.channel.reject(got?.deliveryTag ?? 0, false, true, how);
    return got?.deliveryCount;
  }

  test("basic.reject and a lost channel count, basic.nack does not", async () => {
    await broker.queue("q", { "x-queue-type": "quorum", "x-delivery-limit": 2 });
    await deadLetterQueue();
    channel.publish("", "q", "m");
    expect([giveBack("reject"), giveBack("nack"), giveBack("nack"), giveBack("close")]).toEqual([0, 1, 1, 1]);
    expect(channel.get("q", false)?.deliveryCount).toBe(2);
  });

  test("one failed delivery too many dead-letters as delivery_limit", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-delivery-limit": 2, "x-dead-letter-exchange": "dlx" });
    channel.publish("", "q", "m");
    expect([giveBack("reject"), giveBack("reject"), giveBack("reject")]).toEqual([0, 1, 2]);
    expect([ready("q"), channel.drain("dead")]).toEqual([0, ["m"]]);
    expect(broker.broker.totals.deadLettered.delivery_limit).toBe(1);
  });

  test("a classic queue without it counts nothing and gives back for ever", async () => {
    await broker.queue("q");
    channel.publish("", "q", "m");
    for (let time = 0; time < 50; time++) expect(giveBack("reject")).toBe(0);
    expect(ready("q")).toBe(1);
  });
});

describe("the end of a queue", () => {
  test("x-expires: unused for so long; declaring, fetching and consuming are uses", async () => {
    await broker.queue("q", { "x-expires": 1000 });
    const step = async (use: () => unknown): Promise<boolean> => {
      broker.clock.advance(900);
      await use();
      return broker.host.queues.has("q");
    };
    expect(await step(() => broker.queue("q", { "x-expires": 1000 }))).toBe(true);
    expect(await step(() => channel.get("q"))).toBe(true);
    expect(await step(() => broker.client.checkQueue("q"))).toBe(true);
    const consumer = channel.consume("q");
    broker.clock.advance(10_000);
    expect(broker.host.queues.has("q")).toBe(true);
    channel.channel.cancel(consumer.tag);
    expect(await step(() => channel.publish("", "q", "no use"))).toBe(true);
    broker.clock.advance(100);
    expect(broker.host.queues.has("q")).toBe(false);
    expect(broker.clock.pendingCount).toBe(0);
  });

  test("x-expires does not dead-letter what was in it", async () => {
    await deadLetterQueue();
    await broker.queue("q", { "x-expires": 1000, "x-dead-letter-exchange": "dlx" });
    channel.publish("", "q", "m");
    broker.clock.advance(1000);
    expect([ready("q"), ready("dead")]).toEqual([undefined, 0]);
  });

  test("auto-delete: with its last consumer, never before it had one", async () => {
    await broker.queue("q", {}, { autoDelete: true });
    const other = broker.channel();
    const first = channel.consume("q");
    other.consume("q");
    channel.channel.cancel(first.tag);
    expect(broker.host.queues.has("q")).toBe(true);
    other.channel.close();
    expect(broker.host.queues.has("q")).toBe(false);
    await broker.queue("unused", {}, { autoDelete: true });
    broker.clock.advance(1_000_000);
    expect(broker.host.queues.has("unused")).toBe(true);
  });

  test("consumers are told, their deliveries can still be settled, and nothing of it remains", async () => {
    await broker.queue("q", { "x-message-ttl": 60_000 });
    const consumer = channel.consume("q", { tag: "t" });
    channel.publish("", "q", "held");
    channel.channel.qos(1, true);
    channel.publish("", "q", "left");
    expect(await broker.client.deleteQueue("q", false, false)).toBe(1);
    // The answer to whoever deleted it comes first.
    expect(channel.sink.events).toEqual([]);
    broker.broker.turn.end();
    expect(channel.sink.events).toEqual(["cancel t"]);
    expect([channel.channel.consumerCount, consumer.queue.consumerCount]).toEqual([0, 0]);
    channel.channel.reject(1, false, true, "reject");
    expect(channel.channel.unackedCount).toBe(0);
    expect(consumer.queue.readyCount).toBe(0);
    expect(broker.clock.pendingCount).toBe(0);
    // The tag is free again.
    await broker.queue("q");
    channel.consume("q", { tag: "t" });
  });

  test("purge drops what is ready and leaves what is out", async () => {
    await broker.queue("q");
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body);
    const got = channel.get("q", false);
    expect(await broker.client.purgeQueue("q")).toBe(2);
    channel.channel.reject(got?.deliveryTag ?? 0, false, true, "nack");
    expect(channel.drain("q")).toEqual(["1"]);
  });

  test("purge is answered when it is durable", async () => {
    const storage = new KeepingStorage();
    broker = await TestBroker.open({ storage });
    await broker.queue("q");
    broker.channel().publish("", "q", "1", { deliveryMode: 2 });
    storage.holding = true;
    let purged = -1;
    const purging = broker.client.purgeQueue("q").then((count) => (purged = count));
    broker.endTurn();
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([purged, ready("q")]).toEqual([-1, 0]);
    storage.commit();
    expect([await purging, storage.disk.unsettled]).toEqual([1, 0]);
  });
});
