import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import type { BrokerOptions } from "../src/broker.ts";
import { Containment, type FailurePlace } from "../src/containment.ts";
import { Deadline } from "../src/deadline.ts";
import type { LogFields, Logger } from "../src/logger.ts";
import type { TurnOutbox } from "../src/turn.ts";
import { KeepingStorage } from "./fixture/keeping-storage.ts";
import { newMessage } from "./fixture/neutral-format.ts";
import { TestBroker, type TestChannel, until } from "./fixture/test-broker.ts";

const fault = (): never => {
  throw new Error("a fault of ours");
};

function outbox(endTurn: () => void, drop: () => void = () => {}): TurnOutbox {
  return { endTurn, flush: () => true, release: () => {}, drop };
}

interface Stage {
  readonly test: TestBroker;
  readonly storage: KeepingStorage;
  /** What the others did although one failed. */
  readonly ran: string[];
}

/** Every place where one of many may throw: what happens there, and who goes on. */
const places: readonly {
  readonly name: string;
  readonly place: FailurePlace;
  readonly act: (stage: Stage) => void;
  readonly ran: readonly string[];
}[] = [
  {
    name: "a timer",
    place: "timer",
    act: ({ test, ran }) => {
      test.clock.after(10, fault);
      test.clock.after(10, () => ran.push("the next timer"));
      test.clock.advance(10);
    },
    ran: ["the next timer"],
  },
  {
    name: "a task at the end of the turn",
    place: "turn",
    act: ({ test, ran }) => {
      test.broker.turn.storageDirty({ endTurn: fault, failed: () => void ran.push("told") });
      test.broker.turn.storageDirty({ endTurn: () => void ran.push("the next task") });
      test.broker.turn.outboxDirty(outbox(() => void ran.push("an outbox")));
      test.endTurn();
    },
    ran: ["told", "the next task", "an outbox"],
  },
  {
    name: "an outbox",
    place: "outbox",
    act: ({ test, ran }) => {
      test.broker.turn.outboxDirty(outbox(fault, () => void ran.push("dropped")));
      test.broker.turn.outboxDirty(outbox(() => void ran.push("the next outbox")));
      test.endTurn();
    },
    ran: ["dropped", "the next outbox"],
  },
  {
    name: "a listener of the alarms",
    place: "alarm",
    act: ({ test, ran }) => {
      test.broker.alarms.subscribe(fault);
      test.broker.alarms.subscribe(() => ran.push("the next listener"));
      test.broker.alarms.set("memory", "test", true);
    },
    ran: ["the next listener"],
  },
  {
    name: "a listener of the alarms, when the store fails",
    place: "alarm",
    act: ({ test, storage, ran }) => {
      test.broker.alarms.subscribe(fault);
      test.broker.alarms.subscribe(() => ran.push(test.broker.alarms.reason));
      storage.fail(new Error("disk full"));
      storage.work();
    },
    ran: ["low on disk", ""],
  },
  {
    name: "a waiter for the watermark",
    place: "storage",
    act: ({ test, storage, ran }) => {
      test.broker.store.await({ durableAdvanced: fault, durabilityFailed: () => void ran.push("told") });
      test.broker.store.await({ durableAdvanced: () => void ran.push("the next waiter"), durabilityFailed: fault });
      storage.commit();
    },
    ran: ["told", "the next waiter"],
  },
  {
    name: "a publisher that may go on",
    place: "storage",
    act: ({ test, storage, ran }) => {
      test.broker.whenPublishersFree(fault);
      test.broker.whenPublishersFree(() => ran.push("the next publisher"));
      storage.commit();
    },
    ran: ["the next publisher"],
  },
  {
    name: "what waited for the lease",
    place: "storage",
    act: ({ test, storage, ran }) => {
      storage.owned(new Deadline(test.clock, 800));
      test.clock.advance(750);
      expect(test.broker.store.healthy).toBe(false);
      test.broker.store.ownership.whenCertain(fault);
      test.broker.store.ownership.whenCertain(() => ran.push("the next one"));
      storage.owned(new Deadline(test.clock, 800));
    },
    ran: ["the next one"],
  },
];

async function stage(options: Omit<Partial<BrokerOptions>, "clock"> = {}): Promise<Stage> {
  const storage = new KeepingStorage();
  return { storage, ran: [], test: await TestBroker.open({ storage, ...options }) };
}

test.each(places)("$name fails alone", async ({ place, act, ran }) => {
  const broken: Error[] = [];
  const it = await stage({ onBroken: (error) => void broken.push(error) });
  act(it);
  expect(it.ran).toEqual(ran);
  const { containment } = it.test.broker;
  expect(containment.counts[place]).toBeGreaterThan(0);
  expect(it.test.logged).toContain("a fault of the broker ended one thing alone, and all else goes on");
  // The broker serves as before. Under an alarm nothing new is defined.
  for (const kind of ["memory", "disk"] as const) it.test.broker.alarms.set(kind, "test", false);
  await it.test.queue("after");
  const channel = it.test.channel();
  channel.publish("", "after", "hello");
  expect(channel.drain("after")).toEqual(["hello"]);
  expect(broken).toEqual([]);
});

test("a client whose confirm cannot be given is ended, others get theirs", async () => {
  const { test: it } = await stage();
  await it.queue("q");
  const one = it.channel(it.connect());
  const other = it.channel(it.connect());
  for (const { channel } of [one, other]) channel.confirmSelect();
  one.sink.confirm = fault;
  one.publish("", "q", "1", { deliveryMode: 2 });
  other.publish("", "q", "2", { deliveryMode: 2 });
  it.endTurn();
  expect(one.channel.closed).toBe(true);
  expect(other.sink.takeEvents()).toEqual(["confirm 1"]);
  expect(one.channel.closed).toBe(true);
});

test("a page that cannot be delivered is told to those who wait for it", async () => {
  const { test: it, storage } = await stage({ limits: { queueWindowMessagesMax: 1, pageMessagesMax: 2 } });
  const queue = await it.queue("q");
  const channel = it.channel();
  for (const body of ["1", "2", "3", "4"]) channel.publish("", "q", body, { deliveryMode: 2 });
  it.endTurn();
  queue.dispatch = fault;
  expect(channel.get("q")?.message.body.toString()).toBe("1");
  const second = await channel.channel.get("q", true);
  expect(second?.message.body.toString()).toBe("2");
  expect(storage.reads.length).toBeGreaterThan(0);
  expect(it.broker.containment.counts["page-in"]).toBeGreaterThan(0);
});

test("a store that fails while it is given a turn's writes ends the broker, which says why", async () => {
  const broken: Error[] = [];
  const { test: it, storage } = await stage({ onBroken: (error) => void broken.push(error) });
  await it.queue("q");
  storage.flush = fault;
  it.channel().publish("", "q", "1", { deliveryMode: 2 });
  it.endTurn();
  await until(() => broken.length > 0);
  expect(broken[0]?.message).toBe("the store failed while it was given the writes of a turn");
  expect(broken[0]?.cause).toEqual(new Error("a fault of ours"));
  expect(it.logged).toContain("the store failed while it was given the writes of a turn: the broker ends");
});

test("an engine that failed by itself ends the broker, and publishers wait meanwhile", async () => {
  const broken: Error[] = [];
  const { test: it, storage } = await stage({ onBroken: (error) => void broken.push(error) });
  storage.break(new Error("a fault of the engine"));
  expect(it.broker.alarms.reason).toBe("low on disk");
  await until(() => broken.length > 0);
  expect(broken[0]?.cause).toEqual(new Error("a fault of the engine"));
});

describe("a consumer whose encoder throws", () => {
  const storeOf = async (): Promise<Stage> => {
    const it = await stage();
    await it.test.queue("q");
    await it.test.queue("other");
    for (const queue of ["q", "other"]) await it.test.bind("amq.fanout", queue);
    return it;
  };

  const consumer = (it: TestBroker, queue: string, throws: boolean, noAck: boolean): TestChannel => {
    const channel = it.channel(it.connect());
    if (throws) channel.sink.onDeliver = fault;
    channel.consume(queue, { noAck });
    return channel;
  };

  test.each([
    { noAck: true, deliveryMode: 1 },
    { noAck: true, deliveryMode: 2 },
    { noAck: false, deliveryMode: 1 },
    { noAck: false, deliveryMode: 2 },
  ])("is ended, and the next one gets the message ($noAck, $deliveryMode)", async ({ noAck, deliveryMode }) => {
    const { test: it } = await storeOf();
    const bad = consumer(it, "q", true, noAck);
    const next = consumer(it, "q", false, true);
    const other = consumer(it, "other", false, true);
    const publisher = it.channel(it.connect());
    publisher.channel.confirmSelect();
    publisher.publish("amq.fanout", "", "1", { deliveryMode });
    it.endTurn();
    expect(bad.channel.closed).toBe(true);
    expect([next.sink.bodies, other.sink.bodies]).toEqual([["1"], ["1"]]);
    expect(publisher.sink.takeEvents()).toEqual(["confirm 1"]);
    publisher.publish("amq.fanout", "", "2", { deliveryMode });
    it.endTurn();
    expect(next.sink.bodies).toEqual(["1", "2"]);
    expect(it.host.queues.get("q")).toMatchObject({ readyCount: 0, unackedCount: 0, parked: { count: 0 } });
  });

  test.each([true, false])(
    "twice for one message: it is parked, stays stored, and those behind it go on (%s)",
    async (noAck) => {
      const { test: it, storage } = await storeOf();
      const publisher = it.channel(it.connect());
      publisher.publish("", "q", "poison", { deliveryMode: 2 });
      publisher.publish("", "q", "good", { deliveryMode: 2 });
      it.endTurn();
      for (let attempt = 0; attempt < 2; attempt++) {
        const bad = it.channel(it.connect());
        bad.sink.onDeliver = fault;
        bad.consume("q", { noAck });
        it.endTurn();
        expect(bad.channel.closed).toBe(true);
      }
      const queue = it.host.queues.get("q");
      expect(queue).toMatchObject({ readyCount: 1, unackedCount: 0, parked: { count: 1 } });
      expect(it.channel(it.connect()).drain("q")).toEqual(["good"]);
      it.endTurn();
      expect(storage.disk.unsettled).toBe(1);
      expect(it.logged.filter((line) => line.startsWith("message parked"))).toHaveLength(1);
      // The next start finds it.
      const after = await TestBroker.open({ storage: new KeepingStorage(storage.disk) });
      expect(after.host.queues.get("q")?.readyCount).toBe(1);
      // A purge ends it.
      await it.client.purgeQueue("q");
      it.endTurn();
      expect(storage.disk.unsettled).toBe(0);
      expect(queue?.parked.count).toBe(0);
    },
  );

  test("a transient message that nobody can be given is dropped and counted", async () => {
    const { test: it } = await storeOf();
    it.channel().publish("", "q", "poison", {});
    for (let attempt = 0; attempt < 2; attempt++) {
      consumer(it, "q", true, false);
      it.endTurn();
    }
    expect(it.host.queues.get("q")).toMatchObject({ readyCount: 0, parked: { count: 0 } });
    expect(it.broker.totals.dropped.undeliverable).toBe(1);
  });

  test("in a filter: the message goes to others", async () => {
    const { test: it } = await storeOf();
    const filtered = it.channel(it.connect());
    filtered.consume("q", { noAck: true, filter: { matches: fault, others: "leave" } });
    const plain = consumer(it, "q", false, true);
    it.channel().publish("", "q", "1", {});
    expect(plain.sink.bodies).toEqual(["1"]);
    expect(filtered.channel.closed).toBe(false);
  });

  test("in basic.return: it is ended, and the others of the transaction are written", async () => {
    const { test: it } = await storeOf();
    const publisher = it.channel(it.connect());
    publisher.sink.returned = fault;
    publisher.channel.txSelect();
    publisher.publish("", "q", "1");
    publisher.publish("", "nowhere", "2", {}, true);
    publisher.publish("", "q", "3");
    await publisher.channel.txCommit();
    it.endTurn();
    expect(publisher.channel.closed).toBe(true);
    expect(it.channel().drain("q")).toEqual(["1", "3"]);
  });
});

test("a message that cannot be dead-lettered is parked, and those behind it go on", async () => {
  const { test: it, storage } = await stage();
  await it.queue("dead");
  await it.queue("q", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead", "x-message-ttl": 100 });
  const channel = it.channel();
  for (const body of ["1", "2", "3"]) {
    const route = channel.channel.route("", "q");
    const message = newMessage(route, body, { deliveryMode: 2 });
    if (body === "2") message.derive = fault;
    channel.channel.publish(route, message, false);
  }
  it.endTurn();
  it.clock.advance(100);
  it.endTurn();
  expect(channel.drain("dead")).toEqual(["1", "3"]);
  expect(it.broker.containment.counts["dead-letter"]).toBe(1);
  expect(it.host.queues.get("q")?.parked.count).toBe(1);
  it.endTurn();
  expect(storage.disk.unsettled).toBe(1);
});

describe("Containment", () => {
  function recorded() {
    const clock = new FakeClock();
    const lines: LogFields[] = [];
    const note = (fields: LogFields): void => void lines.push(fields);
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    return { clock, lines, containment: new Containment(clock, logger, () => {}) };
  }

  test("logs one line a second and place, which says how many it did not log", () => {
    const { clock, lines, containment } = recorded();
    for (let count = 0; count < 5; count++) containment.failed("timer", new Error("again"));
    containment.failed("turn", "no error at all");
    clock.advance(1000);
    containment.failed("timer", new Error("still"));
    expect(lines.map(({ place, error, unlogged }) => [place, error, unlogged])).toEqual([
      ["timer", "again", 0],
      ["turn", "no error at all", 0],
      ["timer", "still", 4],
    ]);
    expect(lines[0]?.stack).toContain("containment.test.ts");
    expect(containment.counts).toMatchObject({ timer: 6, turn: 1 });
  });

  test("an end that fails as well is no way out", () => {
    const { containment } = recorded();
    containment.run("session", fault, fault);
    expect(containment.counts.session).toBe(2);
  });

  test("a rejection that nobody waits for is counted", async () => {
    const { containment } = recorded();
    const ended: unknown[] = [];
    containment.watch("background", Promise.reject(new Error("late")), (error) => void ended.push(error));
    await until(() => ended.length > 0);
    expect(containment.counts.background).toBe(1);
  });

  test("a logger that fails takes nothing with it", () => {
    const logger: Logger = { debug: fault, info: fault, warn: fault, error: fault };
    const containment = new Containment(new FakeClock(), logger, () => {});
    containment.failed("timer", new Error("fault"));
    expect(containment.counts.timer).toBe(1);
  });
});
