import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, TestDisk } from "./adapter-fixture.ts";
import type { RawClient } from "./raw-client.ts";
import { defaultHost, retainedMessage } from "./retained-fixture.ts";

const retainedCount = 4000;
const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } } as const;
/** Takes one message at a time. */
const impatient = { clean: false, properties: { ...kept.properties, receiveMaximum: 1 } } as const;
const queueName = "mqtt-subscription-test";

interface Left {
  readonly fixture: AdapterFixture;
  /** Messages in the session's queue: a part of the retained ones, and one that was published since. */
  readonly waiting: number;
}

/** A broker with many retained messages, and a client that subscribed to all of them and left before they came. */
async function leftBefore(disk: TestDisk, clock?: FakeClock): Promise<Left> {
  const fixture = await disk.start(clock === undefined ? {} : { clock });
  const host = defaultHost(fixture.broker);
  const { retained } = fixture.adapter.home(host);
  for (let number = 0; number < retainedCount; number++) {
    const topic = `site/${number}`;
    retained.set(topic, retainedMessage(topic, String(number), 1));
  }
  const client = await fixture.client(impatient);
  await client.subscribe({ topic: "site/#", qos: 1 });
  client.destroy();
  await until(() => fixture.adapter.connectionCount === 0);
  const queue = host.queues.get(queueName);
  await until(() => (queue?.readyCount ?? 0) >= 2048);
  await durable(fixture);
  return { fixture, waiting: queue?.readyCount ?? 0 };
}

/** Everything so far is on the disk. */
async function durable(fixture: AdapterFixture): Promise<void> {
  const client = await fixture.client({ clientId: "publisher" });
  client.packet({ cmd: "publish", topic: "site/new", payload: "", qos: 1, messageId: 1, dup: false, retain: false });
  await client.expect("puback");
  await client.disconnect();
}

/** Takes and acknowledges what comes until `enough` says so; the topics. */
async function take(client: RawClient, enough: (topics: Set<string>) => boolean): Promise<Set<string>> {
  const topics = new Set<string>();
  while (!enough(topics)) {
    const { topic, qos, messageId = 0 } = await client.expect("publish");
    topics.add(topic);
    if (qos > 0) client.packet({ cmd: "puback", messageId });
  }
  return topics;
}

/** Nothing comes, also where a feed that waited for room has looked again. */
async function settled(client: RawClient, clock: FakeClock): Promise<void> {
  clock.advance(1000);
  await client.ping();
  await client.ping();
}

async function back(fixture: AdapterFixture): Promise<RawClient> {
  const client = await fixture.socket();
  expect((await client.login(kept)).sessionPresent).toBe(true);
  return client;
}

async function restart(disk: TestDisk, fixture: AdapterFixture, how: "close" | "crash"): Promise<AdapterFixture> {
  if (how === "close") await fixture.close();
  else await disk.crash(fixture);
  return disk.start();
}

describe("retained messages for a client that left before they came", () => {
  it.each(["close", "crash"] as const)("all come after a restart (%s), and no more after the next", async (how) => {
    const disk = new TestDisk();
    const second = await restart(disk, (await leftBefore(disk)).fixture, how);
    const client = await back(second);
    // One that was published meanwhile as well.
    const topics = await take(client, ({ size }) => size === retainedCount + 1);
    expect(topics.has(`site/${retainedCount - 1}`)).toBe(true);
    const queue = defaultHost(second.broker).queues.get(queueName);
    // Those that were in the queue come twice.
    const rest = take(client, () => queue?.readyCount === 0 && queue.unackedCount === 0);
    await until(() => queue?.readyCount === 0 && queue.unackedCount === 0);
    client.destroy();
    await rest.catch(() => {});
    await until(() => second.adapter.connectionCount === 0);
    await durable(second);
    const third = await restart(disk, second, how);
    const again = await back(third);
    expect((await again.expect("publish")).topic).toBe("site/new");
    await again.ping();
    expect(defaultHost(third.broker).queues.get(queueName)?.readyCount).toBe(0);
  });

  it("come no more where it unsubscribes when it is back", async () => {
    const clock = new FakeClock(Date.now());
    const { fixture, waiting } = await leftBefore(new TestDisk(), clock);
    const client = await back(fixture);
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["site/#"] });
    const topics = new Set<string>();
    let answered = false;
    while (!answered || topics.size < waiting) {
      const packet = await client.next();
      if (packet.cmd === "unsuback") answered = true;
      else if (packet.cmd === "publish") {
        topics.add(packet.topic);
        if (packet.qos > 0) client.packet({ cmd: "puback", messageId: packet.messageId ?? 0 });
      }
    }
    await settled(client, clock);
    expect(topics.size).toBe(waiting);
  });

  it("come no more after a restart where it has unsubscribed before", async () => {
    const disk = new TestDisk();
    const { fixture, waiting } = await leftBefore(disk);
    const client = await fixture.socket();
    client.sendConnect(impatient);
    await client.expect("connack");
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["site/#"] });
    await client.expect("publish");
    await client.expect("unsuback");
    await fixture.close();
    const clock = new FakeClock(Date.now());
    const second = await disk.start({ clock });
    const again = await back(second);
    await take(again, ({ size }) => size === waiting);
    await settled(again, clock);
  });
});
