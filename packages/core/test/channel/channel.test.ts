import { beforeEach, describe, expect, test } from "vitest";
import { PublishResult } from "../../src/channel/publish-result.ts";
import { newMessage } from "../fixture/neutral-format.ts";
import { KeepingStorage } from "../fixture/keeping-storage.ts";
import { refusal, TestBroker, type TestChannel, until } from "../fixture/test-broker.ts";
import { entryBytes } from "../../src/queue/queue-entry.ts";

let storage: KeepingStorage;
let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  storage = new KeepingStorage();
  broker = await TestBroker.open({ storage });
  channel = broker.channel();
  await broker.queue("q");
});

const persistent = { deliveryMode: 2 };
const ready = (name = "q"): number | undefined => broker.host.queues.get(name)?.readyCount;

describe("publishing", () => {
  test("tells what became of the message", async () => {
    await broker.queue("full", { "x-max-length": 0, "x-overflow": "reject-publish" });
    expect(channel.publish("", "q", "m")).toBe(PublishResult.routed);
    expect(channel.publish("", "nobody", "m")).toBe(PublishResult.none);
    expect(channel.publish("", "full", "m") & PublishResult.rejected).toBe(PublishResult.rejected);
  });

  test("a message that stays is copied out of the socket's chunk, one that is delivered at once is not", async () => {
    await broker.queue("auto");
    const kept = newMessage(channel.channel.route("", "q"), "kept");
    const passing = newMessage(channel.channel.route("", "auto"), "passing");
    channel.consume("auto", { noAck: true });
    for (const message of [kept, passing]) {
      channel.channel.publish(message.route, message, false);
      if (!message.owned) message.bytes.fill(0);
    }
    expect([kept.owned, passing.owned]).toEqual([true, false]);
    expect(channel.sink.bodies).toEqual(["passing"]);
    expect(channel.drain("q")).toEqual(["kept"]);
  });

  test("a fan-out stores one copy for all durable queues, and auto-ack consumers take theirs from the wire", async () => {
    await broker.queue("q2");
    await broker.queue("transient", {}, { durable: false });
    await broker.queue("auto");
    for (const name of ["q", "q2", "transient", "auto"]) await broker.bind("amq.fanout", name);
    channel.consume("auto", { noAck: true });
    channel.publish("amq.fanout", "", "m", persistent);
    broker.endTurn();
    expect([...storage.disk.messages.values()].map((kept) => kept.queueIds.size)).toEqual([2]);
    expect(channel.sink.bodies).toEqual(["m"]);
    for (const name of ["q", "q2", "transient"]) expect(channel.drain(name)).toEqual(["m"]);
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(0);
  });

  test("a missing exchange is not-found, an internal one is refused", async () => {
    expect(await refusal(() => channel.publish("x", "k", "m"))).toBe("not-found: no exchange 'x' in vhost '/'");
    await broker.client.declareExchange("in", {
      type: "fanout",
      durable: false,
      autoDelete: false,
      internal: true,
      arguments: [],
    });
    expect(await refusal(() => channel.publish("in", "k", "m"))).toBe(
      "access-refused: cannot publish to internal exchange 'in' in vhost '/'",
    );
  });

  test("a mandatory message without a queue comes back before its confirm", () => {
    channel.channel.confirmSelect();
    channel.publish("", "nobody", "lost", {}, true);
    channel.publish("", "nobody", "dropped");
    broker.endTurn();
    expect(channel.sink.events).toEqual(["return lost", "confirm 2*"]);
    const { returned, dropped } = broker.broker.totals;
    expect([returned, dropped.unroutable]).toEqual([1, 1]);
  });
});

describe("confirms", () => {
  test("a persistent message is confirmed when the store has it, and holds later ones back", () => {
    storage.holding = true;
    channel.channel.confirmSelect();
    channel.publish("", "q", "transient");
    broker.endTurn();
    expect(channel.sink.takeEvents()).toEqual(["confirm 1"]);
    channel.publish("", "q", "persistent", persistent);
    channel.publish("", "q", "transient");
    broker.endTurn();
    expect(channel.sink.takeEvents()).toEqual([]);
    expect(channel.channel.unconfirmedCount).toBe(2);
    storage.commit();
    expect(channel.sink.takeEvents()).toEqual(["confirm 3*"]);
    expect(broker.broker.totals.confirmed).toBe(3);
  });

  test("what was published before confirm.select is not counted", () => {
    channel.publish("", "q", "before");
    channel.channel.confirmSelect();
    channel.channel.confirmSelect();
    channel.publish("", "q", "after");
    broker.endTurn();
    expect(channel.sink.events).toEqual(["confirm 1"]);
  });

  test("a closed channel hears nothing more", () => {
    storage.holding = true;
    channel.channel.confirmSelect();
    channel.publish("", "q", "m", persistent);
    channel.channel.close();
    broker.endTurn();
    storage.commit();
    expect(channel.sink.events).toEqual([]);
  });
});

describe("transactions", () => {
  test("publishes and acknowledgements wait for the commit, which resolves when they are durable", async () => {
    channel.publish("", "q", "old", persistent);
    const taken = channel.get("q", false);
    channel.channel.txSelect();
    channel.publish("", "q", "new", persistent);
    channel.channel.ack(taken?.deliveryTag ?? 0, false);
    broker.endTurn();
    expect([ready(), storage.disk.unsettled, broker.host.queues.get("q")?.unackedCount]).toEqual([0, 1, 1]);
    storage.holding = true;
    let committed = false;
    const commit = channel.channel.txCommit().then(() => (committed = true));
    broker.endTurn();
    expect([ready(), committed]).toEqual([1, false]);
    storage.commit();
    await commit;
    expect([...storage.disk.messages.values()].map((kept) => kept.body.toString())).toEqual(["new"]);
    expect(broker.host.queues.get("q")?.unackedCount).toBe(0);
  });

  test("rollback forgets publishes and makes settled deliveries unacknowledged again, in order", async () => {
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body);
    channel.channel.txSelect();
    channel.consume("q");
    channel.publish("", "q", "never");
    channel.channel.ack(2, true);
    channel.channel.reject(3, false, false, "reject");
    expect(channel.channel.unackedCount).toBe(0);
    expect(await refusal(() => channel.channel.ack(1, false))).toBe("precondition-failed: unknown delivery tag 1");
    channel.channel.txRollback();
    expect([channel.channel.unackedCount, ready()]).toEqual([3, 0]);
    channel.channel.ack(1, false);
    await channel.channel.txCommit();
    channel.channel.close();
    expect(broker.channel().drain("q")).toEqual(["2", "3"]);
  });

  test("closing the channel rolls back", () => {
    channel.publish("", "q", "m");
    const taken = channel.get("q", false);
    channel.channel.txSelect();
    channel.channel.ack(taken?.deliveryTag ?? 0, false);
    channel.publish("", "q", "never");
    channel.channel.close();
    expect(broker.channel().drain("q")).toEqual(["m"]);
  });

  test("a commit follows the topology of its own time", async () => {
    channel.channel.txSelect();
    await broker.exchange("x", "fanout");
    await broker.bind("x", "q");
    for (const exchange of ["x", ""]) channel.publish(exchange, "q", `over ${exchange}`, persistent, true);
    await broker.client.deleteExchange("x", false);
    await broker.client.deleteQueue("q", false, false);
    await broker.queue("q");
    await channel.channel.txCommit();
    expect(channel.sink.events).toEqual(["return over x"]);
    expect(channel.drain("q")).toEqual(["over "]);
  });

  test("a commit of which a full queue refused a part fails, and the rest of it stays", async () => {
    await broker.queue("small", { "x-max-length": 1, "x-overflow": "reject-publish" });
    channel.channel.txSelect();
    for (const body of ["1", "2"]) channel.publish("", "small", body);
    channel.publish("", "q", "beside");
    expect(await refusal(() => channel.channel.txCommit())).toBe("precondition-failed: partial tx completion");
    expect([channel.drain("small"), channel.drain("q")]).toEqual([["1"], ["beside"]]);
  });

  test("confirms and transactions exclude each other", async () => {
    channel.channel.txSelect();
    expect(await refusal(() => channel.channel.confirmSelect())).toBe(
      "precondition-failed: cannot switch from tx to confirm mode",
    );
    const other = broker.channel();
    other.channel.confirmSelect();
    expect(await refusal(() => other.channel.txSelect())).toBe(
      "precondition-failed: cannot switch from confirm to tx mode",
    );
    for (const call of [() => other.channel.txCommit(), () => other.channel.txRollback()]) {
      expect(await refusal(call)).toBe("precondition-failed: channel is not transactional");
    }
  });

  test("a transaction beyond the limit is refused", async () => {
    const small = await TestBroker.open({ limits: { transactionOperationsMax: 2, transactionBytesMax: 100 } });
    await small.queue("q");
    const [many, large] = [small.channel(), small.channel()];
    for (const each of [many, large]) each.channel.txSelect();
    many.publish("", "q", "1");
    many.publish("", "q", "2");
    expect(await refusal(() => many.publish("", "q", "3"))).toMatch(/^resource-error: /);
    expect(await refusal(() => large.publish("", "q", "x".repeat(101)))).toMatch(/^resource-error: /);
    const reader = small.channel();
    for (const body of ["a", "b", "c"]) reader.publish("", "q", body);
    small.endTurn();
    reader.consume("q");
    reader.channel.txSelect();
    reader.publish("", "q", "d");
    // Publishes and acknowledgements count together; what did not fit is unacknowledged as before.
    expect(await refusal(() => reader.channel.ack(0, true))).toMatch(/^resource-error: /);
    expect(reader.channel.unackedCount).toBe(2);
    reader.channel.close();
    expect(small.channel().drain("q")).toEqual(["a", "b", "c"]);
  });
});

describe("settling", () => {
  beforeEach(() => {
    for (let body = 1; body <= 5; body++) channel.publish("", "q", `${body}`, persistent);
    broker.endTurn();
  });

  test("ack of one, of all up to one, and of all", async () => {
    channel.consume("q");
    channel.channel.ack(2, false);
    expect(channel.channel.unackedCount).toBe(4);
    channel.channel.ack(3, true);
    expect(channel.channel.unackedCount).toBe(2);
    channel.channel.ack(0, true);
    channel.channel.ack(0, true);
    broker.endTurn();
    expect([channel.channel.unackedCount, broker.broker.totals.acknowledged, storage.disk.unsettled]).toEqual([
      0, 5, 0,
    ]);
  });

  test.each([0, 3, 6, -1, 2 ** 60])("an unknown tag (%d) is refused in RabbitMQ's words", async (tag) => {
    channel.consume("q");
    channel.channel.ack(3, false);
    const text = `precondition-failed: unknown delivery tag ${tag}`;
    expect(await refusal(() => channel.channel.ack(tag, false))).toBe(text);
    if (tag !== 0) expect(await refusal(() => channel.channel.reject(tag, true, true, "nack"))).toBe(text);
    expect(channel.channel.unackedCount).toBe(4);
  });

  test("what is given back goes to its old place and says that it was delivered before", () => {
    const tags = [1, 2, 3].map(() => channel.get("q", false)?.deliveryTag ?? 0);
    channel.channel.reject(tags[1] ?? 0, false, true, "nack");
    channel.channel.reject(tags[0] ?? 0, false, true, "reject");
    const other = broker.channel();
    other.consume("q");
    expect(other.sink.seen.map(({ body, redelivered }) => `${body} ${redelivered}`)).toEqual([
      "1 true",
      "2 true",
      "4 false",
      "5 false",
    ]);
  });

  test("recover gives everything back once, whatever the number of queues that deliver again at once", async () => {
    await broker.queue("q2");
    channel.consume("q", { tag: "a" });
    channel.consume("q2", { tag: "b" });
    for (let body = 6; body <= 10; body++) {
      channel.publish("", "q2", `${body}`);
      channel.publish("", "q", `${body}'`);
    }
    const before = channel.sink.takeBodies();
    channel.channel.recover();
    expect(channel.sink.seen.every((each) => each.redelivered)).toBe(true);
    expect([...channel.sink.bodies].sort()).toEqual([...before].sort());
    expect(channel.sink.seen.filter((each) => each.consumer === "b").map((each) => each.body)).toEqual([
      "6",
      "7",
      "8",
      "9",
      "10",
    ]);
  });

  test("acknowledging all means what was delivered by then, not what that set free", async () => {
    await broker.queue("q2");
    channel.channel.qos(2, false);
    channel.consume("q");
    channel.consume("q2");
    for (let body = 1; body <= 6; body++) channel.publish("", "q2", `${body}'`);
    expect(channel.sink.takeBodies()).toEqual(["1", "2", "1'", "2'"]);
    channel.channel.ack(0, true);
    expect(channel.sink.takeBodies().sort()).toEqual(["3", "3'", "4", "4'"]);
    expect(channel.channel.unackedCount).toBe(4);
    expect(broker.broker.totals.acknowledged).toBe(4);
  });

  test("a closed channel's deliveries are ready again, in order and redelivered", () => {
    const other = broker.channel();
    other.consume("q");
    other.channel.close();
    other.channel.close();
    expect(broker.host.queues.get("q")).toMatchObject({ readyCount: 5, unackedCount: 0, consumerCount: 0 });
    channel.consume("q");
    expect(channel.sink.seen.map((each) => `${each.body} ${each.redelivered}`)).toEqual(
      ["1", "2", "3", "4", "5"].map((body) => `${body} true`),
    );
  });
});

describe("basic.get", () => {
  test("brings the head with what is left behind it, and settles or holds it", () => {
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body, persistent);
    const first = channel.get("q", true);
    expect(first).toMatchObject({ deliveryTag: 1, redelivered: false, deliveryCount: 0, readyCount: 2 });
    const second = channel.get("q", false);
    expect(second).toMatchObject({ deliveryTag: 2, readyCount: 1 });
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(2);
    channel.channel.ack(2, false);
    channel.get("q");
    expect(channel.get("q")).toBeNull();
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(0);
  });

  test("a single-active-consumer queue refuses it in RabbitMQ's words", async () => {
    await broker.queue("sac", { "x-single-active-consumer": true });
    expect(await refusal(() => channel.get("sac"))).toBe(
      "resource-locked: cannot obtain access to locked queue 'sac' in vhost '/'. basic.get operations are not supported by classic queues with single active consumer",
    );
  });

  test("deliveries held without acknowledgement are bounded", async () => {
    const small = await TestBroker.open({ limits: { channelUnackedMax: 2 } });
    await small.queue("q");
    const taker = small.channel();
    for (const body of ["1", "2", "3"]) taker.publish("", "q", body);
    taker.get("q", false);
    taker.get("q", false);
    expect(await refusal(() => taker.get("q", false))).toMatch(/^precondition-failed: /);
    expect(taker.get("q", true)).not.toBeNull();
  });
});

describe("deliveries without a prefetch limit", () => {
  test("are bounded by the memory that they keep, whatever their number", async () => {
    const small = await TestBroker.open({ limits: { channelUnackedBytesMax: 3 * (1000 + entryBytes) } });
    await small.queue("q");
    const taker = small.channel();
    taker.consume("q");
    for (let index = 0; index < 10; index++) taker.publish("", "q", "x".repeat(1000));
    expect(taker.channel.unackedCount).toBe(3);
    taker.channel.ack(1, false);
    expect(taker.channel.unackedCount).toBe(3);
    taker.channel.ack(0, true);
    expect(taker.channel.unackedCount).toBe(3);
    expect(small.broker.virtualHosts.get("/")?.queues.get("q")?.readyCount).toBe(3);
  });

  test("a prefetch limit is the client's own word, whatever the size", async () => {
    const small = await TestBroker.open({ limits: { channelUnackedBytesMax: 1000 } });
    await small.queue("q");
    const taker = small.channel();
    taker.channel.qos(5, false);
    taker.consume("q");
    for (let index = 0; index < 10; index++) taker.publish("", "q", "x".repeat(1000));
    expect(taker.channel.unackedCount).toBe(5);
  });
});

test("publishers are held while too much is not durable, and set free by the commit", async () => {
  const small = await TestBroker.open({ storage, limits: { undurableBytesMax: 100 } });
  await small.queue("q2");
  storage.holding = true;
  const publisher = small.channel();
  publisher.publish("", "q2", "x", persistent);
  expect(small.broker.publishersHeld).toBe(false);
  publisher.publish("", "q2", "x".repeat(100), persistent);
  expect(small.broker.publishersHeld).toBe(true);
  const freed: string[] = [];
  small.broker.whenPublishersFree(() => freed.push("one"));
  const cancel = small.broker.whenPublishersFree(() => freed.push("cancelled"));
  cancel();
  small.endTurn();
  expect(freed).toEqual([]);
  storage.commit();
  await until(() => freed.length > 0);
  expect([freed, small.broker.publishersHeld]).toEqual([["one"], false]);
});
