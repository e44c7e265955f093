import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, TestDisk, startAdapter } from "./adapter-fixture.ts";
import type { ConnectOptions, PacketOf, RawClient } from "./raw-client.ts";

/** Where the handshake stands when the connection or the broker ends. */
const ends = ["connection", "broker"] as const;

function options(clientId: string, protocolVersion: 4 | 5): ConnectOptions {
  const rest = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 1000 } } : {};
  return { clientId, clean: false, protocolVersion, ...rest };
}

function publish(client: RawClient, messageId: number, payload: string, dup = false): void {
  client.packet({ cmd: "publish", topic: "t", payload, qos: 2, messageId, dup, retain: false });
}

/** A broker on a disk, that a test can cut off from its clients or from its power. */
class World {
  fixture: AdapterFixture;
  readonly #disk: TestDisk;

  private constructor(disk: TestDisk, fixture: AdapterFixture) {
    this.#disk = disk;
    this.fixture = fixture;
  }

  static async start(): Promise<World> {
    const disk = new TestDisk();
    return new World(disk, await disk.start());
  }

  /** Ends the client's connection, or everything. */
  async end(what: (typeof ends)[number], client: RawClient): Promise<void> {
    if (what === "connection") {
      const before = this.fixture.adapter.connectionCount;
      client.destroy();
      await until(() => this.fixture.adapter.connectionCount < before);
    } else {
      await this.#disk.crash(this.fixture);
      this.fixture = await this.#disk.start();
    }
  }

  /** Resolves when everything written so far is durable. */
  async durable(): Promise<void> {
    const { store } = this.fixture.broker;
    await store.whenDurable(store.put("test", null));
  }

  /** Messages that wait in a session's queue, and those that are with its client. */
  queueCounts(clientId: string): (number | undefined)[] {
    const queue = this.fixture.broker.virtualHosts.get("/")?.queues.get(`mqtt-subscription-${clientId}`);
    return [queue?.readyCount, queue?.unackedCount];
  }
}

describe.each(ends)("a QoS 2 publish over the end of the %s", (what) => {
  /** A subscriber's session in which everything gathers. */
  async function worldWithQueue(): Promise<World> {
    const world = await World.start();
    const subscriber = await world.fixture.client(options("s", 5));
    await subscriber.subscribe({ topic: "t", qos: 1 });
    await subscriber.disconnect();
    return world;
  }

  /** What has gathered, each message once. */
  async function gathered(world: World, count: number): Promise<string[]> {
    const subscriber = await world.fixture.client(options("s", 5));
    const found: string[] = [];
    for (let index = 0; index < count; index++) {
      const delivery = await subscriber.expect("publish");
      found.push(delivery.payload.toString());
      subscriber.packet({ cmd: "puback", messageId: delivery.messageId as number });
    }
    await subscriber.ping();
    return found;
  }

  it.each([4, 5] as const)("after PUBREC is not published again, level %i", async (level) => {
    const world = await worldWithQueue();
    const client = await world.fixture.client(options("p", level));
    publish(client, 7, "1");
    await client.expect("pubrec");
    await world.end(what, client);
    const again = await world.fixture.client(options("p", level));
    publish(again, 7, "1", true);
    await again.expect("pubrec");
    again.packet({ cmd: "pubrel", messageId: 7 });
    expect((await again.expect("pubcomp")).reasonCode ?? 0).toBe(0);
    // The identifier is free again.
    publish(again, 7, "2");
    await again.expect("pubrec");
    expect(await gathered(world, 2)).toEqual(["1", "2"]);
  });

  it.each([4, 5] as const)("after PUBCOMP has forgotten its identifier, level %i", async (level) => {
    const world = await worldWithQueue();
    const client = await world.fixture.client(options("p", level));
    publish(client, 7, "1");
    await client.expect("pubrec");
    client.packet({ cmd: "pubrel", messageId: 7 });
    await client.expect("pubcomp");
    await world.end(what, client);
    const again = await world.fixture.client(options("p", level));
    publish(again, 7, "2");
    await again.expect("pubrec");
    expect(await gathered(world, 2)).toEqual(["1", "2"]);
  });

  it("takes PUBREL of the connection before", async () => {
    const world = await worldWithQueue();
    const client = await world.fixture.client(options("p", 5));
    publish(client, 7, "1");
    await client.expect("pubrec");
    await world.end(what, client);
    const again = await world.fixture.client(options("p", 5));
    again.packet({ cmd: "pubrel", messageId: 7 });
    expect((await again.expect("pubcomp")).reasonCode ?? 0).toBe(0);
    again.packet({ cmd: "pubrel", messageId: 7 });
    expect((await again.expect("pubcomp")).reasonCode).toBe(0x92);
  });
});

describe.each(ends)("a QoS 2 delivery over the end of the %s", (what) => {
  async function subscribed(world: World, level: 4 | 5): Promise<RawClient> {
    const subscriber = await world.fixture.client(options("s", level));
    await subscriber.subscribe({ topic: "t", qos: 2 });
    return subscriber;
  }

  async function send(world: World, ...payloads: string[]): Promise<void> {
    const client = await world.fixture.client({ clientId: "p" });
    for (const [index, payload] of payloads.entries()) publish(client, index + 1, payload);
    for (const _ of payloads) await client.expect("pubrec");
  }

  /** The client's side of the handshake, of which each message is new once. */
  async function complete(client: RawClient, delivery: PacketOf<"publish">): Promise<void> {
    const messageId = delivery.messageId as number;
    client.packet({ cmd: "pubrec", messageId });
    expect((await client.expect("pubrel")).messageId).toBe(messageId);
    client.packet({ cmd: "pubcomp", messageId });
    await client.ping();
  }

  it.each([4, 5] as const)("after PUBLISH comes again under its identifier with DUP, level %i", async (level) => {
    const world = await World.start();
    const client = await subscribed(world, level);
    await send(world, "1", "2");
    const before = [await client.expect("publish"), await client.expect("publish")];
    await world.end(what, client);
    const again = await world.fixture.client(options("s", level));
    const after = [await again.expect("publish"), await again.expect("publish")];
    expect(after.map(({ messageId }) => messageId)).toEqual(before.map(({ messageId }) => messageId));
    expect(after.map(({ dup }) => dup)).toEqual([true, true]);
    expect(after.map(({ payload }) => payload.toString())).toEqual(["1", "2"]);
    for (const delivery of after) await complete(again, delivery);
    expect(world.queueCounts("s")).toEqual([0, 0]);
  });

  it.each([4, 5] as const)("after PUBREL: the message does not come again, PUBREL does, level %i", async (level) => {
    const world = await World.start();
    const client = await subscribed(world, level);
    await send(world, "1", "2", "3");
    const ids: number[] = [];
    for (let count = 0; count < 3; count++) ids.push((await client.expect("publish")).messageId as number);
    for (const index of [1, 0]) client.packet({ cmd: "pubrec", messageId: ids[index] as number });
    for (const index of [1, 0]) expect((await client.expect("pubrel")).messageId).toBe(ids[index]);
    await world.end(what, client);
    const again = await world.fixture.client(options("s", level));
    const released = [await again.expect("pubrel"), await again.expect("pubrel")].map(({ messageId }) => messageId);
    expect(released).toEqual([ids[1], ids[0]]);
    const third = await again.expect("publish");
    expect([third.payload.toString(), third.messageId, third.dup]).toEqual(["3", ids[2], true]);
    for (const messageId of released) again.packet({ cmd: "pubcomp", messageId: messageId as number });
    await complete(again, third);
    expect(world.queueCounts("s")).toEqual([0, 0]);
  });

  it("after PUBCOMP leaves nothing: identifiers are free", async () => {
    const world = await World.start();
    const client = await subscribed(world, 5);
    await send(world, "1");
    await complete(client, await client.expect("publish"));
    await world.durable();
    await world.end(what, client);
    const again = await world.fixture.client(options("s", 5));
    await again.ping();
    await send(world, "2");
    const next = await again.expect("publish");
    expect([next.payload.toString(), next.dup]).toEqual(["2", false]);
    await complete(again, next);
  });

  it("with QoS 1 between keeps the order within each QoS", async () => {
    const world = await World.start();
    const client = await subscribed(world, 5);
    const publisher = await world.fixture.client({ clientId: "p" });
    for (let index = 1; index <= 10; index++) {
      const qos = index % 2 === 0 ? 1 : 2;
      publisher.packet({
        cmd: "publish",
        topic: "t",
        payload: String(index),
        qos,
        messageId: index,
        dup: false,
        retain: false,
      });
    }
    for (let index = 1; index <= 10; index++) await publisher.expect(index % 2 === 0 ? "puback" : "pubrec");
    for (let count = 0; count < 10; count++) await client.expect("publish");
    await world.end(what, client);
    const again = await world.fixture.client(options("s", 5));
    const found = new Map<number, string[]>([
      [1, []],
      [2, []],
    ]);
    for (let count = 0; count < 10; count++) {
      const delivery = await again.expect("publish");
      found.get(delivery.qos)?.push(delivery.payload.toString());
    }
    expect([...found.values()]).toEqual([
      ["2", "4", "6", "8", "10"],
      ["1", "3", "5", "7", "9"],
    ]);
  });
});

describe("records", () => {
  it("are gone when the exchanges are complete, and with the session", async () => {
    const disk = new TestDisk();
    let fixture = await disk.start();
    const subscriber = await fixture.client(options("s", 5));
    await subscriber.subscribe({ topic: "t", qos: 2 });
    const publisher = await fixture.client(options("p", 5));
    for (const messageId of [1, 2]) publish(publisher, messageId, "body");
    for (let count = 0; count < 2; count++) await publisher.expect("pubrec");
    const { messageId } = await subscriber.expect("publish");
    await subscriber.expect("publish");
    subscriber.packet({ cmd: "pubrec", messageId: messageId as number });
    await subscriber.expect("pubrel");
    subscriber.destroy();
    publisher.destroy();
    // A clean start ends both sessions.
    for (const clientId of ["s", "p"]) await (await fixture.client({ clientId })).disconnect();
    await fixture.close();
    fixture = await disk.start();
    const records = fixture.broker.virtualHosts.get("/")?.records;
    for (const kind of ["mqtt-received", "mqtt-sent"]) expect(records?.claim(kind).size).toBe(0);
  });

  it("are not written for sessions that end with their connection", async () => {
    const fixture = await startAdapter();
    const kinds: string[] = [];
    const records = fixture.broker.virtualHosts.get("/")?.records;
    const put = records?.put.bind(records);
    Object.assign(records ?? {}, {
      put: (kind: string, name: string, value: Uint8Array | null) => {
        kinds.push(kind);
        return put?.(kind, name, value);
      },
    });
    const client = await fixture.client();
    await client.subscribe({ topic: "t", qos: 2 });
    publish(client, 1, "body");
    const first = await client.next();
    const second = await client.next();
    expect([first.cmd, second.cmd].toSorted()).toEqual(["publish", "pubrec"]);
    expect(kinds).toEqual([]);
  });
});
