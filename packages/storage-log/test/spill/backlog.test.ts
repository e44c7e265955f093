import { Broker, type Limits, MemoryStorage } from "@jackalope/core";
import { type Channel, type ChannelSink, type FieldTable } from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { FakeClock, FaultyDisk, testMessage, until } from "@jackalope/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openLogStorage, openSpillArea } from "../../src/index.ts";

const limits: Partial<Limits> = { queueWindowMessagesMax: 4, queueWindowBytesMax: 4000, pageMessagesMax: 3 };
const ttlMs = 10_000;
const silent: ChannelSink = {
  deliver() {},
  confirm() {},
  refuse() {},
  returned() {},
  cancelled() {},
  failed() {},
};

interface Held {
  readonly id: number;
  readonly tag: number;
}

/** A broker on a disk in memory, with one queue. */
class Served {
  readonly broker: Broker;
  readonly channel: Channel;

  private constructor(broker: Broker) {
    this.broker = broker;
    const user = broker.users.find("guest");
    if (user === undefined) throw new Error("no guest");
    const facts = { virtualHost: "/", user, name: "test", protocol: "test", peer: "", onClose: () => undefined };
    this.channel = broker.openConnection(facts).openChannel(silent);
  }

  static async open(
    disk: FaultyDisk,
    clock: FakeClock,
    storage: StorageEngine,
    args: FieldTable = [],
  ): Promise<Served> {
    const spillArea = openSpillArea({ directory: "/data/spill", segmentBytes: 3000, files: disk.process(), clock });
    const served = new Served(await Broker.open({ storage, spillArea, clock, limits }));
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: args };
    await served.channel.connection.declareQueue("q", spec);
    return served;
  }

  get readyCount(): number {
    return this.broker.virtualHosts.get("/")?.queues.get("q")?.readyCount ?? -1;
  }

  publish(id: number, persistent: boolean, priority = 0): void {
    const route = this.channel.route("", "q");
    const message = testMessage(`${id} `.padEnd(60, "."), "", route);
    this.channel.publish(route, Object.assign(message, { persistent, priority }), false);
  }

  async get(): Promise<Held | null> {
    const got = await this.channel.get("q", false);
    return got === null ? null : { id: Number.parseInt(got.message.body.toString()), tag: got.deliveryTag };
  }

  /** Everything that was done is on the disk. */
  async commit(): Promise<void> {
    const { users, turn } = this.broker;
    const durable = users.put("mark", "password", []);
    turn.end();
    await durable;
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      times: fc.integer({ min: 1, max: 20 }),
      persistent: fc.boolean(),
      priority: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("get" as const), times: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ack" as const), which: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("requeue" as const), which: fc.nat(50) }) },
  fc.record({ do: fc.constant("turn" as const) }),
  fc.record({ do: fc.constant("purge" as const) }),
  fc.record({ do: fc.constant("wait" as const), shareOfTtl: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("restart" as const) }),
);

interface Modelled {
  readonly id: number;
  readonly priority: number;
  readonly persistent: boolean;
  readonly expiresAtMs: number;
}

test("a queue of both kinds is a sorted list, whatever is paged, spilled, expires, comes back or starts anew", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const disk = new FaultyDisk();
      const clock = new FakeClock();
      const open = (): Promise<Served> => {
        const storage = openLogStorage({ directory: "/data", files: disk.process(), clock });
        const args: FieldTable = [
          ["x-max-priority", { kind: "int32", value: 2 }],
          ["x-message-ttl", { kind: "int32", value: ttlMs }],
        ];
        return Served.open(disk, clock, storage, args);
      };
      let served = await open();
      let ready: Modelled[] = [];
      let held: (Held & { readonly entry: Modelled })[] = [];
      let published = 0;
      const sort = (): void => {
        ready.sort((left, right) => right.priority - left.priority || left.id - right.id);
      };
      for (const each of steps) {
        switch (each.do) {
          case "publish":
            for (let time = 0; time < each.times; time++) {
              const { persistent } = each;
              const id = ++published;
              served.publish(id, persistent, each.priority);
              ready.push({ id, priority: Math.min(each.priority, 2), persistent, expiresAtMs: clock.nowMs() + ttlMs });
            }
            sort();
            break;
          case "get":
            for (let time = 0; time < each.times; time++) {
              const entry = ready.shift();
              const got = await served.get();
              expect(got?.id).toBe(entry?.id);
              if (got !== null && entry !== undefined) held.push({ ...got, entry });
            }
            break;
          case "ack":
          case "requeue": {
            const [picked] = held.splice(each.which % Math.max(1, held.length), 1);
            if (picked === undefined) break;
            if (each.do === "ack") served.channel.ack(picked.tag, false);
            else {
              served.channel.reject(picked.tag, false, true, "nack");
              if (picked.entry.expiresAtMs > clock.nowMs()) ready.push(picked.entry);
              sort();
            }
            break;
          }
          case "turn":
            served.broker.turn.end();
            break;
          case "purge":
            await served.channel.connection.purgeQueue("q");
            ready = [];
            break;
          case "wait":
            clock.advance((ttlMs * each.shareOfTtl) / 4);
            ready = ready.filter(({ expiresAtMs }) => expiresAtMs > clock.nowMs());
            break;
          default:
            await served.commit();
            disk.crash("process", Math.random);
            served = await open();
            ready = [...ready, ...held.map(({ entry }) => entry)];
            ready = ready.filter(({ persistent, expiresAtMs }) => persistent && expiresAtMs > clock.nowMs());
            sort();
            held = [];
            expect(disk.paths().filter((path) => path.endsWith(".spill"))).toEqual([]);
        }
        await until(() => served.readyCount === ready.length);
      }
      for (const entry of ready) expect((await served.get())?.id).toBe(entry.id);
      served.channel.ack(0, true);
      expect(served.broker.store.spillArea?.statistics().messages).toBe(0);
      expect(served.broker.messageBytes).toBe(0);
      await served.broker.close();
      expect(disk.paths().filter((path) => path.endsWith(".spill"))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("a full disk raises the alarm, loses nothing and is over when messages are fetched", async () => {
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const served = await Served.open(disk, clock, new MemoryStorage());
  const { broker } = served;
  disk.capacityBytes = 10_000;
  let count = 0;
  await until(() => {
    served.publish(++count, false);
    broker.turn.end();
    return broker.alarms.isOn("disk");
  });
  expect(broker.alarms.reason).toBe("low on disk");
  for (let id = 1; id <= count; id++) {
    expect((await served.get())?.id).toBe(id);
    served.channel.ack(id, false);
  }
  expect(await served.get()).toBeNull();
  await until(() => {
    clock.advance(1000);
    return !broker.alarms.blocked;
  });
  for (let id = 1; id <= 20; id++) served.publish(id, false);
  for (let id = 1; id <= 20; id++) expect((await served.get())?.id).toBe(id);
  await broker.close();
});
