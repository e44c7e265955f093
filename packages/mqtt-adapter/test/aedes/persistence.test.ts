import type { Broker } from "@jackalope/core";
import { describe, expect, it } from "vitest";
import { type AedesPersistenceOptions, createAedesEmitter, createAedesPersistence } from "../../src/aedes/index.ts";
import type { AedesPacket } from "../../src/aedes/packet.ts";
import { defaultMqttLimits } from "../../src/options.ts";
import { retainedStoreOf } from "../../src/retained-stores.ts";
import { openBroker, TestDisk } from "./broker-fixture.ts";

type Options = Omit<AedesPersistenceOptions, "broker">;

async function persistenceOf(broker: Broker, options: Options = {}) {
  const persistence = createAedesPersistence({ broker, ...options });
  await persistence.setup({ id: "server" });
  return persistence;
}

function packet(brokerCounter: number, fields: Partial<AedesPacket> = {}): AedesPacket {
  const facts = { cmd: "publish", brokerId: "server", topic: "t", qos: 1 as const, retain: false, dup: false };
  return { ...facts, brokerCounter, payload: Buffer.from(`payload ${brokerCounter}`), ...fields };
}

const texts = (packets: readonly AedesPacket[]) => packets.map(({ payload }) => String(payload));
const client = { id: "client" };

describe("after a restart", () => {
  it("sessions are what they were: subscriptions, packets in order, identifiers, PUBRELs, wills, retained messages", async () => {
    const disk = new TestDisk();
    const first = await openBroker(disk.storage());
    const before = await persistenceOf(first.broker);
    await before.addSubscriptions(client, [
      { topic: "a/#", qos: 1, rh: 0, rap: true, nl: false },
      { topic: "b", qos: 0 },
      { topic: "c", qos: 2 },
    ]);
    await before.removeSubscriptions(client, ["c"]);
    for (let counter = 1; counter <= 12; counter++)
      await before.outgoingEnqueue({ clientId: "client" }, packet(counter));
    await before.outgoingUpdate(client, packet(1, { messageId: 77 }));
    await before.outgoingUpdate(client, packet(2, { messageId: 78 }));
    await before.outgoingUpdate(client, { cmd: "pubrel", messageId: 78 });
    await before.outgoingUpdate(client, packet(3, { messageId: 79 }));
    await before.outgoingClearMessageId(client, { messageId: 79 });
    await before.incomingStorePacket(client, packet(20, { messageId: 5, qos: 2 }));
    await before.incomingStorePacket(client, packet(21, { messageId: 6, qos: 2 }));
    await before.incomingDelPacket(client, { messageId: 6 });
    await before.putWill(client, { topic: "will", payload: Buffer.from("gone"), qos: 1, retain: false });
    await before.storeRetained(packet(30, { topic: "kept/v1.2", retain: true }));
    await first.close();

    const after = await persistenceOf((await openBroker(disk.storage())).broker);
    expect(await after.subscriptionsByClient(client)).toMatchObject([
      { topic: "a/#", qos: 1, rh: 0, rap: true, nl: false },
      { topic: "b", qos: 0 },
    ]);
    expect((await after.subscriptionsByTopic("a/x")).map(({ clientId }) => clientId)).toEqual(["client"]);
    const waiting = (await after.outgoingStream(client).toArray()) as AedesPacket[];
    expect(waiting[0]).toMatchObject({ messageId: 77, brokerId: "server", brokerCounter: 1 });
    expect(waiting[1]).toEqual({ cmd: "pubrel", messageId: 78 });
    const rest = [4, 5, 6, 7, 8, 9, 10, 11, 12].map((counter) => `payload ${counter}`);
    expect(texts(waiting.slice(2))).toEqual(rest);
    expect(await after.outgoingClearMessageId(client, { messageId: 78 })).toEqual({ cmd: "pubrel", messageId: 78 });
    expect(await after.incomingGetPacket(client, { messageId: 5 })).toMatchObject({ messageId: 5 });
    await expect(after.incomingGetPacket(client, { messageId: 6 })).rejects.toThrow("no such packet");
    expect(await after.getWill(client)).toMatchObject({ topic: "will", clientId: "client", brokerId: "server" });
    const retained = (await after.createRetainedStream("kept/+").toArray()) as AedesPacket[];
    expect(retained.map(({ topic, payload }) => `${topic} ${String(payload)}`)).toEqual(["kept/v1.2 payload 30"]);
  });

  it("new packets stand behind the old ones", async () => {
    const disk = new TestDisk();
    const first = await openBroker(disk.storage());
    const before = await persistenceOf(first.broker);
    for (let counter = 1; counter <= 10; counter++)
      await before.outgoingEnqueue({ clientId: "client" }, packet(counter));
    await first.close();
    const second = await openBroker(disk.storage());
    await (await persistenceOf(second.broker)).outgoingEnqueue({ clientId: "client" }, packet(11));
    await second.close();
    const last = await persistenceOf((await openBroker(disk.storage())).broker);
    const waiting = (await last.outgoingStream(client).toArray()) as AedesPacket[];
    expect(waiting.map(({ brokerCounter }) => brokerCounter)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it("what was resolved survived a crash", async () => {
    const disk = new TestDisk();
    const first = await openBroker(disk.storage());
    const before = await persistenceOf(first.broker);
    const emitter = createAedesEmitter({ broker: first.broker });
    await before.addSubscriptions(client, [{ topic: "t", qos: 1 }]);
    await before.outgoingEnqueue({ clientId: "client" }, packet(1));
    await new Promise<void>((resolve) => emitter.emit({ topic: "t", qos: 1 }, () => resolve()));
    disk.crash(first);
    const after = await persistenceOf((await openBroker(disk.storage())).broker);
    expect((await after.subscriptionsByClient(client)).length).toBe(1);
    expect(texts((await after.outgoingStream(client).toArray()) as AedesPacket[])).toEqual(["payload 1"]);
  });

  it("a cleaned session is gone with everything that waited for it", async () => {
    const disk = new TestDisk();
    const first = await openBroker(disk.storage());
    const before = await persistenceOf(first.broker);
    await before.addSubscriptions(client, [{ topic: "t", qos: 1 }]);
    await before.outgoingEnqueue({ clientId: "client" }, packet(1));
    await before.cleanSubscriptions(client);
    await first.close();
    const after = await persistenceOf((await openBroker(disk.storage())).broker);
    expect(await after.subscriptionsByClient(client)).toEqual([]);
    expect(await after.outgoingStream(client).toArray()).toEqual([]);
  });

  it("a virtual host of the same name as a deleted one finds nothing of it", async () => {
    const disk = new TestDisk();
    const first = await openBroker(disk.storage());
    await first.broker.createVirtualHost("passing");
    createAedesEmitter({ broker: first.broker, virtualHost: "passing" });
    const before = await persistenceOf(first.broker, { virtualHost: "passing" });
    await before.addSubscriptions(client, [{ topic: "t", qos: 1 }]);
    await before.outgoingEnqueue({ clientId: "client" }, packet(1));
    await before.putWill(client, { topic: "will", payload: "x" });
    await first.broker.deleteVirtualHost("passing");
    await first.broker.createVirtualHost("passing");
    await first.close();
    const second = await openBroker(disk.storage());
    const after = await persistenceOf(second.broker, { virtualHost: "passing" });
    expect(await after.subscriptionsByClient(client)).toEqual([]);
    expect(await after.outgoingStream(client).toArray()).toEqual([]);
    expect(await after.getWill(client)).toBeUndefined();
  });
});

describe("limits", () => {
  async function limited(limits: Options["limits"]) {
    const { broker } = await openBroker();
    return { broker, persistence: await persistenceOf(broker, limits === undefined ? {} : { limits }) };
  }

  it("sessionMessagesMax and sessionBytesMax drop the oldest packets, and count them", async () => {
    const { broker, persistence } = await limited({ sessionMessagesMax: 3, sessionBytesMax: 1000 });
    for (let counter = 1; counter <= 5; counter++)
      await persistence.outgoingEnqueue({ clientId: "client" }, packet(counter));
    expect(texts((await persistence.outgoingStream(client).toArray()) as AedesPacket[])).toEqual([
      "payload 3",
      "payload 4",
      "payload 5",
    ]);
    expect(broker.totals.dropped.maxlen).toBe(2);
    await persistence.outgoingEnqueue({ clientId: "client" }, packet(6, { payload: Buffer.alloc(990) }));
    expect(((await persistence.outgoingStream(client).toArray()) as AedesPacket[]).length).toBe(1);
  });

  it("subscriptionsPerSessionMax, sessionsMax and receiveMaximum refuse", async () => {
    const { persistence } = await limited({ subscriptionsPerSessionMax: 2, sessionsMax: 1, receiveMaximum: 1 });
    const three = ["a", "b", "c"].map((topic) => ({ topic, qos: 1 as const }));
    await expect(persistence.addSubscriptions(client, three)).rejects.toThrow("subscriptionsPerSessionMax");
    expect(await persistence.subscriptionsByClient(client)).toEqual([]);
    await persistence.addSubscriptions(client, three.slice(0, 2));
    await persistence.addSubscriptions(client, three.slice(0, 2));
    await expect(persistence.addSubscriptions({ id: "other" }, three.slice(0, 1))).rejects.toThrow("sessionsMax");
    await persistence.putWill(client, { topic: "t" });
    await expect(persistence.putWill({ id: "other" }, { topic: "t" })).rejects.toThrow("sessionsMax");
    await persistence.incomingStorePacket(client, packet(1, { messageId: 1 }));
    await persistence.incomingStorePacket(client, packet(1, { messageId: 1 }));
    await expect(persistence.incomingStorePacket(client, packet(2, { messageId: 2 }))).rejects.toThrow(
      "receiveMaximum",
    );
  });

  it("retainedMessagesMax refuses", async () => {
    const { persistence } = await limited({ retainedMessagesMax: 1 });
    await persistence.storeRetained(packet(1, { topic: "a" }));
    await persistence.storeRetained(packet(2, { topic: "a" }));
    await expect(persistence.storeRetained(packet(3, { topic: "b" }))).rejects.toThrow("retainedMessagesMax");
  });
});

describe("a persistence", () => {
  it("has the retained messages of the native engine, and the other way round", async () => {
    const { broker } = await openBroker();
    const persistence = await persistenceOf(broker);
    const host = broker.virtualHosts.get("/");
    if (host === undefined) throw new Error("there is no /");
    const native = retainedStoreOf(host, "amq.topic", defaultMqttLimits);
    await persistence.storeRetained(packet(1, { topic: "a.b/c", qos: 2 }));
    expect(native.get("a.b/c")).toMatchObject({ topic: "a.b/c", format: { qos: 2, retain: "retain" } });
    await persistence.storeRetained(packet(2, { topic: "a.b/c", payload: "" }));
    expect(native.count).toBe(0);
  });

  it("gives a client one copy, of the best QoS that matches, and no more than was granted", async () => {
    const { broker } = await openBroker();
    const persistence = await persistenceOf(broker);
    await persistence.addSubscriptions(client, [
      { topic: "a/#", qos: 1 },
      { topic: "a/+", qos: 2 },
    ]);
    await persistence.addSubscriptions({ id: "modest" }, [{ topic: "#", qos: 1 }]);
    const original = packet(1, { topic: "a/b", qos: 2 });
    await persistence.outgoingEnqueueCombi(await persistence.subscriptionsByTopic("a/b"), original);
    const qosOf = async (id: string) =>
      ((await persistence.outgoingStream({ id }).toArray()) as AedesPacket[]).map(({ qos }) => qos);
    expect([await qosOf("client"), await qosOf("modest")]).toEqual([[2], [1]]);
  });

  it("does not match topics of $SYS by a leading wildcard", async () => {
    const { broker } = await openBroker();
    const persistence = await persistenceOf(broker);
    await persistence.addSubscriptions(client, [{ topic: "#", qos: 1 }]);
    expect(await persistence.subscriptionsByTopic("$SYS/x")).toEqual([]);
  });

  it("tells where its virtual host is missing", async () => {
    const { broker } = await openBroker();
    expect(() => createAedesPersistence({ broker, virtualHost: "missing" })).toThrow("no virtual host 'missing'");
  });
});
