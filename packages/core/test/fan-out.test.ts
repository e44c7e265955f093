import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { PublishResult } from "../src/channel/publish-result.ts";
import { fanOutAtOnceMax } from "../src/fan-out.ts";
import { stopReasons } from "../src/stop-reasons.ts";
import { HurriedClock } from "./fixture/hurried-clock.ts";
import { KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker, TestChannel } from "./fixture/test-broker.ts";

const queueCount = fanOutAtOnceMax + 300;

/** A broker with a fanout exchange `all` and the queues `q0` and so on, every fourth of them bounded. */
async function openBroker(clock: FakeClock, storage = new KeepingStorage()): Promise<TestBroker> {
  const broker = await TestBroker.open({ clock, storage });
  await broker.exchange("all", "fanout");
  for (let index = 0; index < queueCount; index++) {
    const bounds =
      index % 4 === 3 ? { "x-max-length": 3, "x-overflow": index % 8 === 3 ? "drop-head" : "reject-publish" } : {};
    await broker.queue(`q${index}`, bounds);
    await broker.bind("all", `q${index}`);
  }
  broker.endTurn();
  return broker;
}

/** Numbers that look random, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** What publishers, getters and consumers see of some queues, by queue, in order; turns end here and there. */
async function play(clock: FakeClock, seed: number): Promise<Map<string, string[]>> {
  const broker = await openBroker(clock);
  const next = numbers(seed);
  const channels = [broker.channel(), broker.channel(), broker.channel()];
  const seen = new Map<string, string[]>();
  const see = (queue: string, ...bodies: string[]): void =>
    void seen.set(queue, [...(seen.get(queue) ?? []), ...bodies]);
  const consuming = broker.channel();
  const auto = broker.channel();
  for (let index = 0; index < 40; index++) {
    const queue = `q${index * 16 + next(16)}`;
    if (index % 2 === 0) consuming.consume(queue, { tag: queue });
    else auto.consume(queue, { tag: queue, noAck: true });
  }
  for (let step = 0; step < 120; step++) {
    const channel = channels[next(3)] as TestChannel;
    const queue = `q${next(queueCount)}`;
    const properties = { deliveryMode: 1 + next(2) };
    const kind = next(10);
    if (kind < 2) see("results", `${channel.publish("all", "", `all ${step}`, properties)}`);
    else if (kind < 7) see("results", `${channel.publish("", queue, `one ${step}`, properties)}`);
    else if (kind === 7) {
      const got = channel.get(queue);
      see(queue, got === null ? "nothing" : `got ${Buffer.from(got.message.body).toString()}`);
    } else if (kind === 8) see(queue, `purged ${broker.host.requireQueue(queue).purge()}`);
    else broker.endTurn();
  }
  await broker.broker.turn.finishActs();
  broker.endTurn();
  for (const { consumer, body } of [...consuming.sink.seen, ...auto.sink.seen]) see(consumer, `delivered ${body}`);
  for (let index = 0; index < queueCount; index++) see(`q${index}`, ...broker.channel().drain(`q${index}`));
  await broker.broker.close();
  return seen;
}

describe("a message to very many queues", () => {
  test.each([1, 2, 3, 4, 5, 6])("is seen in each of them as if it had come there at once (%i)", async (seed) => {
    expect(await play(new HurriedClock(), seed)).toEqual(await play(new FakeClock(), seed));
  });

  test("takes several turns, and its publisher waits while others go on", async () => {
    const broker = await openBroker(new HurriedClock());
    const told: string[] = [];
    const user = broker.broker.users.find("guest");
    if (user === undefined) throw new Error("no guest");
    const client = broker.broker.openConnection({
      virtualHost: "/",
      user,
      name: "publisher",
      protocol: "test",
      peer: "",
      onClose: () => {},
      wire: {
        stop: (reason) => void told.push(`stop ${reason}`),
        proceed: (reason) => void told.push(`proceed ${reason}`),
      },
    });
    const publisher = new TestChannel(client);
    publisher.channel.confirmSelect();
    expect(publisher.publish("all", "", "to all", { deliveryMode: 2 })).toBe(PublishResult.routed);
    const lastQueue = broker.host.requireQueue(`q${queueCount - 1}`);
    expect([lastQueue.ready.count, lastQueue.readyCount]).toEqual([0, 1]);
    broker.channel().publish("", "q0", "meanwhile");
    expect(told).toEqual([`stop ${stopReasons.fanOut}`]);
    let turns = 0;
    for (; broker.broker.turn.longActs > 0; turns++) broker.endTurn();
    expect(turns).toBeGreaterThan(1);
    await Promise.resolve();
    expect(told).toEqual([`stop ${stopReasons.fanOut}`, `proceed ${stopReasons.fanOut}`]);
    for (let index = 1; index < queueCount; index++) expect(broker.channel().drain(`q${index}`)).toEqual(["to all"]);
    expect(broker.channel().drain("q0")).toEqual(["to all", "meanwhile"]);
    expect(broker.broker.messageBytes).toBe(0);
  });

  test("is stored once for all of them before the first has it", async () => {
    const storage = new KeepingStorage();
    const broker = await openBroker(new HurriedClock(), storage);
    broker.channel().publish("all", "", "to all", { deliveryMode: 2 });
    storage.commit();
    expect([...storage.disk.messages.values()].map(({ queueIds }) => queueIds.size)).toEqual([queueCount]);
    expect(broker.host.requireQueue(`q${queueCount - 1}`).ready.count).toBe(0);
    await broker.broker.turn.finishActs();
    storage.commit();
    expect([...storage.disk.messages.values()].map(({ queueIds }) => queueIds.size)).toEqual([queueCount]);
  });

  test("does not reach a queue that is deleted meanwhile, and the store forgets it there", async () => {
    const storage = new KeepingStorage();
    const broker = await openBroker(new HurriedClock(), storage);
    broker.channel().publish("all", "", "to all", { deliveryMode: 2 });
    for (let index = 0; index < queueCount; index++) await broker.client.deleteQueue(`q${index}`, false, false);
    await broker.broker.turn.finishActs();
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(0);
    expect(broker.broker.messageBytes).toBe(0);
  });
});
