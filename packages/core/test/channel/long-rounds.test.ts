import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { HurriedClock } from "../fixture/hurried-clock.ts";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

const count = 3000;
const bodies = (from = 0, to = count): string[] => Array.from({ length: to - from }, (_, index) => `m${from + index}`);

async function openBroker(): Promise<{ broker: TestBroker; channel: TestChannel }> {
  const broker = await TestBroker.open({ clock: new HurriedClock() });
  return { broker, channel: broker.channel() };
}

/** Publishes `count` messages to `queue` and has `channel` consume them all. */
function deliverAll(broker: TestBroker, channel: TestChannel, queue: string): void {
  channel.consume(queue, { tag: queue });
  for (const body of bodies()) broker.channel().publish("", queue, body);
  for (let turns = 0; channel.channel.unackedCount < count; turns++) {
    expect(turns).toBeLessThan(1000);
    broker.endTurn();
  }
}

describe("very many deliveries settled at once", () => {
  test("are acknowledged turn by turn, each once", async () => {
    const { broker, channel } = await openBroker();
    await broker.queue("q");
    deliverAll(broker, channel, "q");
    const acking = channel.channel.ack(0, true);
    expect(acking).not.toBeNull();
    const { totals } = broker.broker;
    let longest = totals.acknowledged;
    for (let before = longest; channel.channel.unackedCount > 0; before = totals.acknowledged) {
      broker.endTurn();
      longest = Math.max(longest, totals.acknowledged - before);
    }
    await broker.broker.turn.finishActs();
    await acking?.over;
    expect(longest).toBeLessThan(700);
    expect([totals.acknowledged, channel.channel.unackedCount]).toEqual([count, 0]);
  });

  test("come back in their order, and no later message is handed out before the last is back", async () => {
    const { broker, channel } = await openBroker();
    await broker.queue("q");
    deliverAll(broker, channel, "q");
    const other = broker.channel();
    channel.channel.pause();
    expect(channel.channel.reject(0, true, true, "nack")).not.toBeNull();
    other.consume("q", { noAck: true });
    broker.channel().publish("", "q", "later");
    for (let turns = 0; turns < 2; turns++) broker.endTurn();
    expect(channel.channel.unackedCount).toBeGreaterThan(0);
    expect(other.sink.bodies).toEqual([]);
    for (let turns = 0; other.sink.bodies.length <= count; turns++) {
      expect(turns).toBeLessThan(1000);
      broker.endTurn();
    }
    expect(other.sink.bodies).toEqual([...bodies(), "later"]);
  });

  test("a get meanwhile waits for the first of them", async () => {
    const { broker, channel } = await openBroker();
    await broker.queue("q");
    deliverAll(broker, channel, "q");
    channel.channel.cancel("q");
    channel.channel.recover();
    const getting = broker.channel().channel.get("q", true);
    expect(getting).toBeInstanceOf(Promise);
    await broker.broker.turn.finishActs();
    const got = await getting;
    expect(Buffer.from(got?.message.body ?? []).toString()).toBe("m0");
  });

  test("an acknowledgement of many counts although the connection ends behind it", async () => {
    const { broker } = await openBroker();
    const queue = await broker.queue("q");
    const client = broker.connect();
    const channel = broker.channel(client);
    deliverAll(broker, channel, "q");
    channel.channel.ack(2900, true);
    const closing = client.close();
    expect(closing).not.toBeNull();
    await broker.broker.turn.finishActs();
    await closing?.over;
    expect(broker.broker.totals.acknowledged).toBe(2900);
    expect([queue.readyCount, queue.unackedCount, queue.consumerCount]).toEqual([100, 0, 0]);
    expect(broker.channel().drain("q")).toEqual(bodies(2900));
  });
});

describe("a connection with very many consumers", () => {
  test("ends turn by turn; what it had goes to others in order, and exclusive and auto-delete queues go with it", async () => {
    const { broker } = await openBroker();
    const client = broker.connect();
    const spec = { durable: false, exclusive: false, autoDelete: true, arguments: [] };
    for (let index = 0; index < 800; index++) await client.declareQueue(`auto${index}`, spec);
    await client.declareQueue("mine", { ...spec, exclusive: true, autoDelete: false });
    const queue = await broker.queue("q");
    const channels = [broker.channel(client), broker.channel(client)];
    for (let index = 0; index < 800; index++) channels[index % 2]?.consume(`auto${index}`);
    for (const channel of channels) channel.channel.qos(10, false);
    for (let index = 0; index < 500; index++) channels[index % 2]?.consume("q");
    for (const body of bodies()) broker.channel().publish("", "q", body);
    await broker.broker.turn.finishActs();
    for (let turns = 0; turns < 100; turns++) broker.endTurn();
    const survivor = broker.channel();
    survivor.consume("q", { noAck: true });
    const gone = client.close();
    expect(gone).not.toBeNull();
    expect(broker.broker.connections.has(client)).toBe(true);
    await broker.broker.turn.finishActs();
    await gone?.over;
    for (let turns = 0; turns < 100; turns++) broker.endTurn();
    expect(broker.broker.connections.has(client)).toBe(false);
    expect([...broker.host.queues.keys()]).toEqual(["q"]);
    expect([queue.consumerCount, queue.readyCount]).toEqual([1, 0]);
    expect(new Set(survivor.sink.bodies).size).toBe(count);
    expect(survivor.sink.bodies).toHaveLength(count);
  });

  test("takes its exclusive queues first: nothing more comes to them, and nobody is told who has gone", async () => {
    const { broker } = await openBroker();
    const client = broker.connect();
    const spec = { durable: false, exclusive: true, autoDelete: false, arguments: [] };
    const queue = await client.declareQueue("mine", spec);
    const channel = broker.channel(client);
    deliverAll(broker, channel, "mine");
    const closing = client.close();
    expect(closing).not.toBeNull();
    expect(queue.deleted).toBe(true);
    expect(channel.channel.unackedCount).toBeGreaterThan(0);
    broker.channel().publish("", "mine", "late");
    await broker.broker.turn.finishActs();
    await closing?.over;
    expect([queue.readyCount, queue.unackedCount, queue.consumerCount]).toEqual([0, 0, 0]);
    expect(channel.sink.events.filter((event) => event.startsWith("cancel"))).toEqual([]);
    expect(broker.broker.store.messageBytes).toBe(0);
  });

  test("a channel that is full or paused keeps its consumers out of the round, and all come back", async () => {
    for (const clock of [new FakeClock(), new HurriedClock()]) {
      const broker = await TestBroker.open({ clock });
      const channel = broker.channel();
      channel.channel.qos(1, true);
      for (let index = 0; index < 300; index++) {
        await broker.queue(`q${index}`);
        channel.consume(`q${index}`, { tag: `q${index}` });
      }
      for (let index = 0; index < 300; index++) broker.channel().publish("", `q${index}`, `m${index}`);
      const seen: string[] = [];
      for (let tag = 1; tag <= 300; tag++) {
        for (let turns = 0; channel.channel.unackedCount === 0 && turns < 50; turns++) broker.endTurn();
        if (tag === 100) channel.channel.pause();
        if (tag === 100) channel.channel.resume();
        expect(channel.channel.unackedCount).toBe(1);
        seen.push(...channel.sink.takeBodies());
        channel.channel.ack(tag, false);
      }
      expect(seen.toSorted()).toEqual(bodies(0, 300).toSorted());
    }
  });
});
