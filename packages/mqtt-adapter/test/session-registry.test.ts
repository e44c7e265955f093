import { FakeClock, HeldStorage, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter, TestDisk } from "./adapter-fixture.ts";
import type { ConnectOptions, RawClient } from "./raw-client.ts";

const day = 24 * 60 * 60;
/** Version 5, a session of an hour. */
const kept: ConnectOptions = { clean: false, properties: { sessionExpiryInterval: 3600 } };

function sessionsOf(fixture: AdapterFixture): number {
  const host = fixture.broker.virtualHosts.get("/");
  return host === undefined ? 0 : fixture.adapter.home(host).sessions.size;
}

async function addUser({ broker }: AdapterFixture, name: string): Promise<void> {
  await broker.users.put(name, "secret", []);
  await broker.users.setPermissions(name, "/", { configure: ".*", write: ".*", read: ".*" });
}

const silentSink = {
  deliver() {},
  confirm() {},
  refuse() {},
  returned() {},
  cancelled() {},
  failed() {},
};

function publish(client: RawClient, topic: string, payload: string, qos: 0 | 1 = 1): void {
  client.packet({ cmd: "publish", topic, payload, qos, messageId: 1, dup: false, retain: false });
}

describe("a session", () => {
  it("without an expiry ends with its connection", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ clean: false });
    await client.subscribe("a");
    expect(fixture.core().virtualHost.queues.size).toBe(1);
    await client.disconnect();
    await until(() => sessionsOf(fixture) === 0);
    expect(fixture.core().virtualHost.queues.size).toBe(0);
    const again = await fixture.socket();
    expect((await again.login({ clean: false })).sessionPresent).toBe(false);
  });

  it("waits for its client as long as it asked, with what was published meanwhile", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client(kept);
    await client.subscribe({ topic: "a/+", qos: 1 });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    clock.advance(3_599_000);
    const publisher = await fixture.client({ clientId: "publisher" });
    publish(publisher, "a/b", "body");
    await publisher.expect("puback");
    const again = await fixture.socket();
    expect((await again.login(kept)).sessionPresent).toBe(true);
    expect(await again.expect("publish")).toMatchObject({ topic: "a/b", qos: 1 });
  });

  it("ends after its expiry, and its queue with it", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client(kept);
    await client.subscribe("a");
    await client.disconnect();
    clock.advance(3_599_999);
    expect(sessionsOf(fixture)).toBe(1);
    clock.advance(1);
    expect(sessionsOf(fixture)).toBe(0);
    expect(fixture.core().virtualHost.queues.size).toBe(0);
    const again = await fixture.socket();
    expect((await again.login(kept)).sessionPresent).toBe(false);
  });

  it("of an old client without the clean flag is kept for the longest time there is", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock, limits: { sessionExpirySecondsMax: day } });
    const options = { clean: false, protocolVersion: 4 } as const;
    const client = await fixture.client(options);
    await client.subscribe("a");
    client.packet({ cmd: "disconnect" });
    await client.end();
    clock.advance((day - 1) * 1000);
    const again = await fixture.socket();
    expect((await again.login(options)).sessionPresent).toBe(true);
    again.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    clock.advance(day * 1000);
    expect(sessionsOf(fixture)).toBe(0);
  });

  it("of MQTT 3.1 is there again, and the flag for it stays unused", async () => {
    const fixture = await startAdapter();
    const options = { clean: false, protocolVersion: 3 } as const;
    const client = await fixture.client(options);
    await client.subscribe({ topic: "a", qos: 1 });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    const publisher = await fixture.client({ clientId: "publisher" });
    publish(publisher, "a", "body");
    await publisher.expect("puback");
    const again = await fixture.socket();
    expect((await again.login(options)).sessionPresent).toBe(false);
    expect((await again.expect("publish")).payload.toString()).toBe("body");
  });

  it("never expires where both sides say so", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({
      clock,
      limits: { sessionExpirySecondsMax: 0xffffffff },
      systemTopicsIntervalMs: 0,
    });
    const client = await fixture.client({ clean: false, properties: { sessionExpiryInterval: 0xffffffff } });
    await client.disconnect();
    clock.advance(200 * 365 * day * 1000);
    expect(sessionsOf(fixture)).toBe(1);
  });

  it("is discarded by a clean start", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client(kept);
    await client.subscribe("a");
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    const again = await fixture.socket();
    expect((await again.login({ ...kept, clean: true })).sessionPresent).toBe(false);
    expect(fixture.core().virtualHost.queues.size).toBe(0);
  });

  it.each([
    [5, 0x85, false],
    [5, 0x85, true],
    [4, 2, false],
    [3, 2, true],
  ] as const)(
    "is not for another user, MQTT level %i: code %i, connected: %s",
    async (protocolVersion, code, connected) => {
      const fixture = await startAdapter();
      await addUser(fixture, "other");
      const owner = await fixture.client(kept);
      await owner.subscribe({ topic: "a", qos: 1 });
      if (!connected) {
        owner.destroy();
        await until(() => fixture.adapter.connectionCount === 0);
      }
      for (const clean of [true, false]) {
        const other = await fixture.socket();
        const credentials = { username: "other", password: "secret" };
        const { reasonCode, returnCode } = await other.connack({ protocolVersion, clean, ...credentials });
        expect(protocolVersion === 5 ? reasonCode : returnCode).toBe(code);
      }
      const refusals = () => fixture.log.filter((line) => line.includes("the client id is another user's"));
      // The second line of an address waits for the next second.
      await until(() => refusals().length === 2);
      expect(refusals().map((line) => line.includes(" other 0x85 "))).toEqual([true, true]);
      const publisher = await fixture.client({ clientId: "publisher" });
      publish(publisher, "a", "still mine");
      await publisher.expect("puback");
      const receiver = connected ? owner : await fixture.socket();
      if (!connected) expect((await receiver.login(kept)).sessionPresent).toBe(true);
      expect((await receiver.expect("publish")).payload.toString()).toBe("still mine");
    },
  );

  it("of a user that was deleted is nobody's: the next one gets a new one", async () => {
    const fixture = await startAdapter();
    await addUser(fixture, "leaver");
    const client = await fixture.client({ ...kept, username: "leaver", password: "secret" });
    await client.subscribe({ topic: "a", qos: 1 });
    await fixture.broker.users.delete("leaver");
    await until(() => fixture.adapter.connectionCount === 0);
    const next = await fixture.socket();
    expect((await next.login(kept)).sessionPresent).toBe(false);
  });

  it("keeps its queue from AMQP and STOMP clients of other users, after a restart too", async () => {
    const disk = new TestDisk();
    const first = await disk.start();
    await addUser(first, "other");
    const client = await first.client(kept);
    await client.subscribe({ topic: "a", qos: 1 });
    await first.close();
    const fixture = await disk.start();
    const other = fixture.core("other");
    const name = "mqtt-subscription-test";
    const refused = "belongs to the session or durable subscription of another user";
    expect(() => other.readableQueue(name)).toThrow(refused);
    expect(() => other.checkQueue(name)).toThrow(refused);
    await expect(other.deleteQueue(name, false, false)).rejects.toThrow(refused);
    await expect(other.purgeQueue(name)).rejects.toThrow(refused);
    const binding = { source: "amq.topic", destination: name, destinationKind: "queue", routingKey: "#" } as const;
    await expect(other.bind({ ...binding, arguments: [] })).rejects.toThrow(refused);
    expect(fixture.core().readableQueue(name).reservedFor).toBe("guest");
  });

  it("does not get a queue that another user made before it, and reads", async () => {
    const fixture = await startAdapter();
    await addUser(fixture, "other");
    const other = fixture.core("other");
    const asked = await fixture.client({ clientId: "model", ...kept });
    await asked.subscribe({ topic: "a", qos: 1 });
    const { arguments: args } = other.virtualHost.requireQueue("mqtt-subscription-model");
    const name = "mqtt-subscription-test";
    await other.declareQueue(name, { durable: true, exclusive: false, autoDelete: false, arguments: args });
    const channel = other.openChannel(silentSink);
    channel.consume(name, { tag: "", noAck: true, exclusive: false, arguments: [] }).start();
    const client = await fixture.client(kept);
    expect(await client.subscribe({ topic: "a", qos: 1 })).toEqual([0x83]);
    expect(other.virtualHost.requireQueue(name).incoming.size).toBe(0);
    channel.close();
    expect(await client.subscribe({ topic: "a", qos: 1 })).toEqual([1]);
    expect(() => other.readableQueue(name)).toThrow("another user");
  });

  it("is not inherited by another user where the broker lets users take sessions over", async () => {
    const fixture = await startAdapter({ sessionsAcrossUsers: true });
    await addUser(fixture, "other");
    const client = await fixture.client(kept);
    await client.subscribe({ topic: "a", qos: 1 });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    const other = await fixture.socket();
    expect((await other.login({ ...kept, username: "other", password: "secret" })).sessionPresent).toBe(false);
    expect(fixture.core().virtualHost.queues.size).toBe(0);
  });

  it("has the expiry that DISCONNECT gave it", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client(kept);
    await client.disconnect(0, { sessionExpiryInterval: 10 });
    await until(() => fixture.adapter.connectionCount === 0);
    clock.advance(9999);
    expect(sessionsOf(fixture)).toBe(1);
    clock.advance(1);
    expect(sessionsOf(fixture)).toBe(0);
    const ending = await fixture.client(kept);
    await ending.disconnect(0, { sessionExpiryInterval: 0 });
    expect(sessionsOf(fixture)).toBe(0);
  });

  it("that was to end with its connection cannot be kept by DISCONNECT", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.packet({ cmd: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
    await client.end();
    expect(sessionsOf(fixture)).toBe(0);
  });

  it("may be one too many", async () => {
    const fixture = await startAdapter({ limits: { sessionsMax: 1 } });
    await fixture.client({ ...kept, clientId: "1" });
    const second = await fixture.socket();
    expect((await second.connack({ clientId: "2" })).reasonCode).toBe(0x97);
    await second.end();
    const first = await fixture.socket();
    expect((await first.login({ ...kept, clientId: "1" })).sessionPresent).toBe(true);
  });
});

describe("a promise to keep a session", () => {
  it("is given when it is durable, and so is that to keep its subscriptions", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const other = await fixture.client({ clientId: "other" });
    const client = await fixture.socket();
    storage.hold();
    client.sendConnect(kept);
    await until(() => sessionsOf(fixture) === 2);
    await other.ping();
    expect(client.receivedBytes).toBe(0);
    storage.commit();
    await client.expect("connack");
    storage.hold();
    const before = client.receivedBytes;
    client.packet({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a", qos: 1 }] });
    await until(() => fixture.core().virtualHost.queues.size === 1);
    await other.ping();
    expect(client.receivedBytes).toBe(before);
    storage.commit();
    await client.expect("suback");
  });

  it("is not needed where the client went away meanwhile, or another one took its place", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const watching = await fixture.client({ clientId: "watching" });
    await watching.subscribe("a");
    const gone = await fixture.socket();
    const replaced = await fixture.socket();
    const last = await fixture.socket();
    storage.hold();
    gone.sendConnect({ ...kept, will: { topic: "a", payload: "", qos: 0, retain: false } });
    await until(() => fixture.broker.totals.connectionsOpened === 2);
    gone.destroy();
    await until(() => fixture.broker.connections.size === 1);
    replaced.sendConnect(kept);
    await until(() => fixture.broker.totals.connectionsOpened === 3);
    last.sendConnect(kept);
    await until(() => fixture.broker.totals.connectionsOpened === 4);
    storage.commit();
    expect((await last.expect("connack")).sessionPresent).toBe(true);
    expect((await replaced.expect("connack")).reasonCode).toBe(0x80);
    await replaced.end();
    // Nor is the will of one that was never let in.
    await watching.ping();
  });
});

describe("a second connection with the same client id", () => {
  it("takes the session over, and the first one is told", async () => {
    const fixture = await startAdapter();
    const first = await fixture.client(kept);
    await first.subscribe({ topic: "a", qos: 1 });
    const publisher = await fixture.client({ clientId: "publisher" });
    publish(publisher, "a", "unacknowledged");
    const delivered = await first.expect("publish");
    const second = await fixture.socket();
    expect((await second.login(kept)).sessionPresent).toBe(true);
    expect(await first.expect("disconnect")).toMatchObject({ reasonCode: 0x8e });
    await first.end();
    expect(await second.expect("publish")).toMatchObject({ messageId: delivered.messageId, dup: true });
    expect(sessionsOf(fixture)).toBe(2);
  });

  it("ends an older client without a word", async () => {
    const fixture = await startAdapter();
    const first = await fixture.client({ protocolVersion: 4 });
    await fixture.client({ protocolVersion: 4 });
    await first.end();
    expect(fixture.log.join()).toContain("MQTT-3.1.4-3");
  });

  it("gets a new session where it starts clean", async () => {
    const fixture = await startAdapter();
    const first = await fixture.client(kept);
    await first.subscribe("a");
    const second = await fixture.socket();
    expect((await second.login({ ...kept, clean: true })).sessionPresent).toBe(false);
    expect(await first.expect("disconnect")).toMatchObject({ reasonCode: 0x8e });
    expect(fixture.core().virtualHost.queues.size).toBe(0);
  });

  it("does so in its own virtual host alone", async () => {
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("other");
    await fixture.broker.users.setPermissions("guest", "other", { configure: ".*", write: ".*", read: ".*" });
    const first = await fixture.client();
    await fixture.client({ username: "other:guest", password: "guest" });
    await first.ping();
  });

  it("a hundred times at once leaves one", async () => {
    const fixture = await startAdapter();
    const clients = await Promise.all(Array.from({ length: 100 }, () => fixture.socket()));
    for (const client of clients) client.sendConnect(kept);
    await until(() => fixture.broker.totals.connectionsOpened === 100 && fixture.adapter.connectionCount === 1);
    expect(sessionsOf(fixture)).toBe(1);
    const open = clients.filter((client) => !client.closed);
    expect(open).toHaveLength(1);
  });
});

describe("after a restart", () => {
  it.each(["close", "crash"] as const)("(%s) a session has its subscriptions and its messages", async (how) => {
    const disk = new TestDisk();
    const before = await disk.start();
    const client = await before.client(kept);
    await client.subscribe({ topic: "a/#", qos: 1 }, { topic: "b", qos: 0 }, { topic: "$share/g/c", qos: 1 });
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["b"] });
    await client.expect("unsuback");
    client.destroy();
    const publisher = await before.client({ clientId: "publisher" });
    await until(() => before.adapter.connectionCount === 1);
    publish(publisher, "a/b", "1");
    await publisher.expect("puback");
    publish(publisher, "c", "2");
    await publisher.expect("puback");
    if (how === "close") await before.close();
    else await disk.crash(before);

    const after = await disk.start();
    const again = await after.socket();
    expect((await again.login(kept)).sessionPresent).toBe(true);
    const bodies = [await again.expect("publish"), await again.expect("publish")].map(({ payload }) => String(payload));
    expect(bodies.toSorted()).toEqual(["1", "2"]);
    publish(again, "b", "not subscribed any more");
    expect(await again.expect("puback")).toMatchObject({ reasonCode: 0x10 });
  });

  it("a transient session has left nothing", async () => {
    const disk = new TestDisk();
    const before = await disk.start();
    const client = await before.client();
    await client.subscribe({ topic: "a", qos: 1 }, { topic: "$share/g/a", qos: 1 });
    await disk.crash(before);
    const after = await disk.start();
    expect(sessionsOf(after)).toBe(0);
    expect(after.core().virtualHost.queues.size).toBe(0);
  });

  it("time goes on from the disconnection, by the wall clock", async () => {
    const disk = new TestDisk();
    const startMs = Date.UTC(2026, 0, 1);
    const first = new FakeClock(startMs);
    const before = await disk.start({ clock: first });
    const client = await before.client(kept);
    await client.subscribe("a");
    await client.disconnect();
    await before.close();
    const second = new FakeClock(startMs + 3_000_000);
    const after = await disk.start({ clock: second });
    second.advance(599_000);
    expect(sessionsOf(after)).toBe(1);
    second.advance(1000);
    expect(sessionsOf(after)).toBe(0);
    await after.close();
    const third = await disk.start({ clock: new FakeClock(startMs + 3_600_000) });
    expect(third.core().virtualHost.queues.size).toBe(0);
  });

  it("a session that ran out meanwhile is gone", async () => {
    const disk = new TestDisk();
    const startMs = Date.UTC(2026, 0, 1);
    const before = await disk.start({ clock: new FakeClock(startMs) });
    const client = await before.client(kept);
    await client.subscribe("a", "$share/g/b");
    await client.disconnect();
    await before.close();
    const after = await disk.start({ clock: new FakeClock(startMs + 3_600_001) });
    expect(sessionsOf(after)).toBe(0);
    expect(after.core().virtualHost.queues.size).toBe(0);
  });

  it("a session that was connected at the crash begins to wait", async () => {
    const disk = new TestDisk();
    const startMs = Date.UTC(2026, 0, 1);
    const before = await disk.start({ clock: new FakeClock(startMs) });
    await before.client(kept);
    await disk.crash(before);
    const clock = new FakeClock(startMs + 10 * day * 1000);
    const after = await disk.start({ clock });
    expect(sessionsOf(after)).toBe(1);
    clock.advance(3_600_000);
    expect(sessionsOf(after)).toBe(0);
  });
});
