import { FakeClock } from "@jackalope/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import { Deadline } from "../src/deadline.ts";
import { Outbox, type OutboxTarget } from "../src/outbox.ts";
import type { QueueSpec } from "../src/queue/queue.ts";
import { HurriedClock } from "./fixture/hurried-clock.ts";
import { KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker, type TestChannel, until } from "./fixture/test-broker.ts";

const leaseMs = 800;
const marginMs = 100;

/** A socket that notes what left. */
class Socket implements OutboxTarget {
  received = "";
  destroyed = false;

  write(bytes: Buffer, done: () => void): void {
    this.received += bytes.toString("latin1");
    done();
  }

  destroy(): void {
    this.destroyed = true;
  }
}

let clock: FakeClock;
let storage: KeepingStorage;
let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  clock = new FakeClock();
  storage = new KeepingStorage();
  broker = await TestBroker.open({ storage, clock });
  channel = broker.channel();
  renew();
});

function renew(): void {
  storage.owned(new Deadline(clock, leaseMs));
}

function newOutbox(socket: Socket, bytesMax = 1000, onPressure: (over: boolean) => void = () => {}): Outbox {
  return new Outbox(broker.broker.turn, socket, bytesMax, onPressure);
}

function encode(outbox: Outbox, text: string): void {
  outbox.reserve(text.length);
  outbox.position += outbox.buffer.write(text, outbox.position, "latin1");
}

const persistent = { deliveryMode: 2 };
const fleeting: Partial<QueueSpec> = { durable: false };

describe("queues that store", () => {
  test("hand out nothing from shortly before the end of the lease until it is renewed", async () => {
    await broker.queue("q");
    channel.consume("q");
    clock.advance(leaseMs - marginMs - 1);
    channel.publish("", "q", "in time", persistent);
    expect(channel.sink.takeBodies()).toEqual(["in time"]);
    clock.advance(1);
    channel.publish("", "q", "late", persistent);
    channel.publish("", "q", "transient");
    clock.advance(60_000);
    expect([channel.sink.takeBodies(), broker.broker.store.healthy]).toEqual([[], false]);
    renew();
    expect([channel.sink.takeBodies(), broker.broker.store.healthy]).toEqual([["late", "transient"], true]);
    channel.publish("", "q", "after", persistent);
    expect(channel.sink.takeBodies()).toEqual(["after"]);
  });

  test("are not served by acknowledgements, flow, new consumers and returned messages either", async () => {
    await broker.queue("q");
    channel.channel.qos(1, false);
    channel.consume("q");
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body, persistent);
    const [first] = channel.sink.seen.splice(0);
    clock.advance(leaseMs);
    channel.channel.ack(first?.tag ?? 0, false);
    channel.channel.pause();
    channel.channel.resume();
    const other = broker.channel();
    other.consume("q", { noAck: true });
    expect([channel.sink.takeBodies(), other.sink.takeBodies()]).toEqual([[], []]);
    renew();
    expect([...channel.sink.takeBodies(), ...other.sink.takeBodies()].sort()).toEqual(["2", "3"]);
  });

  test("let a get wait for the renewal", async () => {
    await broker.queue("q");
    channel.publish("", "q", "1", persistent);
    clock.advance(leaseMs);
    const got = channel.channel.get("q", true);
    expect(got).toBeInstanceOf(Promise);
    renew();
    expect(Buffer.from((await got)?.message.body ?? "").toString()).toBe("1");
    clock.advance(leaseMs);
    expect(channel.get("q")).toBe(null);
  });

  test("dead-letter nothing that ran out or was too much meanwhile before the renewal", async () => {
    await broker.exchange("dlx", "fanout");
    await broker.queue("dead", {}, fleeting);
    await broker.bind("dlx", "dead");
    await broker.queue("short", { "x-message-ttl": 1000, "x-dead-letter-exchange": "dlx" });
    await broker.queue("small", { "x-max-length": 1, "x-dead-letter-exchange": "dlx" });
    channel.publish("", "short", "expires", persistent);
    channel.publish("", "small", "first", persistent);
    clock.advance(leaseMs);
    channel.publish("", "small", "second", persistent);
    clock.advance(1000);
    expect(channel.drain("dead")).toEqual([]);
    renew();
    expect(channel.drain("dead").sort()).toEqual(["expires", "first"]);
  });

  test.each([{ "x-message-ttl": 1000 }, { "x-max-length": 100 }])(
    "read back nothing that is to be dead-lettered before the renewal: %o",
    async (bound) => {
      const limits = { queueWindowMessagesMax: 10, pageMessagesMax: 10 };
      broker = await TestBroker.open({ storage: (storage = new KeepingStorage()), clock, limits });
      channel = broker.channel();
      await broker.exchange("dlx", "fanout");
      const dead = await broker.queue("dead");
      await broker.bind("dlx", "dead");
      await broker.queue("q", { "x-dead-letter-exchange": "dlx", ...bound });
      const publish = (): void => {
        for (let count = 0; count < 100; count++) channel.publish("", "q", "old", persistent);
        broker.endTurn();
      };
      publish();
      renew();
      clock.advance(leaseMs);
      if (bound["x-max-length"] !== undefined) publish();
      clock.advance(1000);
      for (let turns = 0; turns < 10; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
      expect(storage.reads).toEqual([]);
      renew();
      await until(() => dead.readyCount === 100);
    },
  );

  test("dead-letter what consumers give up, and what fails too often, after the renewal", async () => {
    await broker.exchange("dlx", "fanout");
    await broker.queue("dead", {}, fleeting);
    await broker.bind("dlx", "dead");
    await broker.queue("q", { "x-dead-letter-exchange": "dlx", "x-delivery-limit": 0 });
    await broker.queue("gone", { "x-dead-letter-exchange": "dlx" });
    channel.consume("q");
    channel.consume("gone");
    for (const body of ["rejected", "failed"]) channel.publish("", "q", body, persistent);
    channel.publish("", "gone", "with its queue", persistent);
    const tags = channel.sink.seen.splice(0).map(({ tag }) => tag);
    clock.advance(leaseMs);
    channel.channel.reject(tags[0] ?? 0, false, false, "reject");
    channel.channel.reject(tags[1] ?? 0, false, true, "reject");
    channel.channel.reject(tags[2] ?? 0, false, false, "reject");
    await broker.client.deleteQueue("gone", false, false);
    expect([channel.drain("dead"), storage.disk.unsettled]).toEqual([[], 2]);
    renew();
    expect([channel.drain("dead"), channel.sink.takeBodies()]).toEqual([["rejected", "failed"], []]);
    broker.broker.turn.end();
    expect(storage.disk.unsettled).toBe(0);
  });

  test("dead-letter very many that had to wait turn by turn, and what dies meanwhile behind them", async () => {
    const longMs = 1e9;
    const hurried = new HurriedClock();
    storage = new KeepingStorage();
    broker = await TestBroker.open({ storage, clock: hurried });
    channel = broker.channel();
    storage.owned(new Deadline(hurried, longMs));
    await broker.exchange("dlx", "fanout");
    const dead = await broker.queue("dead", {}, fleeting);
    await broker.bind("dlx", "dead");
    await broker.queue("q", { "x-dead-letter-exchange": "dlx" });
    channel.consume("q");
    const bodies = Array.from({ length: 2000 }, (_, index) => `m${index}`);
    for (const body of bodies) channel.publish("", "q", body, persistent);
    for (let turns = 0; channel.channel.unackedCount < bodies.length; turns++) {
      expect(turns).toBeLessThan(1000);
      broker.endTurn();
    }
    const tags = channel.sink.seen.splice(0).map(({ tag }) => tag);
    hurried.advance(longMs);
    for (const tag of tags.slice(0, -1)) channel.channel.reject(tag, false, false, "reject");
    storage.owned(new Deadline(hurried, longMs));
    channel.channel.reject(tags.at(-1) ?? 0, false, false, "reject");
    let longest = dead.readyCount;
    for (let turns = 0, before = longest; dead.readyCount < bodies.length; turns++, before = dead.readyCount) {
      expect(turns).toBeLessThan(1000);
      broker.endTurn();
      longest = Math.max(longest, dead.readyCount - before);
    }
    expect(longest).toBeLessThan(600);
    expect(channel.drain("dead")).toEqual(bodies);
  });

  test("serve consumers with filters after the renewal as before", async () => {
    await broker.queue("q");
    const filter = { others: "leave" as const, matches: (message: { bodyBytes: number }) => message.bodyBytes === 3 };
    channel.consume("q", { filter });
    clock.advance(leaseMs);
    channel.publish("", "q", "other", persistent);
    channel.publish("", "q", "odd", persistent);
    expect(channel.sink.takeBodies()).toEqual([]);
    renew();
    expect(channel.sink.takeBodies()).toEqual(["odd"]);
  });
});

test("queues that do not store go on: nobody else has their messages", async () => {
  await broker.queue("fleeting", {}, fleeting);
  await broker.queue("exclusive", {}, { exclusive: true });
  channel.consume("fleeting");
  channel.consume("exclusive");
  clock.advance(leaseMs);
  channel.publish("", "fleeting", "1");
  channel.publish("", "exclusive", "2", persistent);
  expect(channel.sink.takeBodies()).toEqual(["1", "2"]);
});

describe("a process that was stopped past its lease", () => {
  test("keeps the bytes of the turn in which it finds out until a renewal", () => {
    const socket = new Socket();
    const outbox = newOutbox(socket);
    encode(outbox, "stale? ");
    clock.stand(leaseMs);
    broker.broker.turn.end();
    expect(socket.received).toBe("");
    // Later turns decide nothing that may be wrong, but every connection keeps its order.
    encode(outbox, "later ");
    const other = new Socket();
    encode(newOutbox(other), "other");
    broker.broker.turn.end();
    expect([socket.received, other.received]).toEqual(["", "other"]);
    renew();
    expect(socket.received).toBe("stale? later ");
    encode(outbox, "and on");
    broker.broker.turn.end();
    expect([socket.received, socket.destroyed]).toEqual(["stale? later and on", false]);
  });

  test("keeps a large turn whole, with a bound that the connection is told of", () => {
    const socket = new Socket();
    const pressure: boolean[] = [];
    const outbox = newOutbox(socket, 300_000, (over) => pressure.push(over));
    clock.stand(leaseMs);
    const text = "x".repeat(50_000);
    for (let count = 0; count < 8; count++) encode(outbox, text);
    broker.broker.turn.end();
    expect([socket.received.length, outbox.waitingBytes, pressure]).toEqual([0, 400_000, [true]]);
    renew();
    expect([socket.received, outbox.waitingBytes, pressure]).toEqual([text.repeat(8), 0, [true, false]]);
  });

  test("drops them with their connections where the store is lost, and says goodbye to the others", () => {
    const [stale, later] = [new Socket(), new Socket()];
    encode(newOutbox(stale), "stale");
    clock.stand(leaseMs);
    broker.broker.turn.end();
    storage.loseOwnership();
    encode(newOutbox(later), "goodbye");
    broker.broker.turn.end();
    expect([stale.received, stale.destroyed]).toEqual(["", true]);
    expect([later.received, later.destroyed]).toEqual(["goodbye", false]);
  });

  test("drops them, too, where it hears of the loss before it looks at the clock; what follows is goodbye", () => {
    const [stale, idle] = [new Socket(), new Socket()];
    const [staleOutbox, idleOutbox] = [newOutbox(stale), newOutbox(idle)];
    encode(staleOutbox, "stale");
    storage.loseOwnership();
    encode(staleOutbox, "goodbye");
    encode(idleOutbox, "goodbye");
    broker.broker.turn.end();
    expect([stale.received, stale.destroyed]).toEqual(["", true]);
    expect([idle.received, idle.destroyed]).toEqual(["goodbye", false]);
  });

  test("does not trust the answer to a renewal that was asked for long ago", async () => {
    await broker.queue("q");
    channel.consume("q");
    const asked = new Deadline(clock, leaseMs);
    clock.stand(leaseMs);
    clock.advance(0);
    storage.owned(asked);
    channel.publish("", "q", "1", persistent);
    expect(channel.sink.takeBodies()).toEqual([]);
    renew();
    expect(channel.sink.takeBodies()).toEqual(["1"]);
  });

  test("dead-letters nothing for a queue that goes on, from where it would leave in a later turn", async () => {
    await broker.exchange("dlx", "fanout");
    await broker.queue("dead", {}, fleeting);
    await broker.bind("dlx", "dead");
    await broker.queue("short", { "x-message-ttl": 100, "x-dead-letter-exchange": "dlx" });
    channel.publish("", "short", "expires", persistent);
    clock.stand(leaseMs);
    // The timer of the message is due before that of the lease.
    clock.advance(0);
    broker.broker.turn.end();
    expect(channel.drain("dead")).toEqual([]);
    renew();
    expect(channel.drain("dead")).toEqual(["expires"]);
  });

  test("trusts no timer either: what a timer has decided before the one of the lease stays here", () => {
    const socket = new Socket();
    const outbox = newOutbox(socket);
    clock.after(10, () => encode(outbox, "stale"));
    clock.stand(leaseMs);
    clock.advance(0);
    broker.broker.turn.end();
    expect(socket.received).toBe("");
  });
});

test("what was handed out in time leaves before the doubt begins: nobody looks at the clock for it afterwards", () => {
  const socket = new Socket();
  const outbox = newOutbox(socket);
  encode(outbox, "in time");
  clock.advance(leaseMs - marginMs);
  expect(socket.received).toBe("in time");
});

test("nothing is certain where the lease has ended before it was heard of first", async () => {
  const late = new KeepingStorage();
  const other = await TestBroker.open({ storage: late, clock });
  const end = new Deadline(clock, leaseMs);
  clock.stand(leaseMs);
  late.owned(end);
  expect(other.broker.store.healthy).toBe(false);
  late.owned(new Deadline(clock, leaseMs));
  expect(other.broker.store.healthy).toBe(true);
});
