import { beforeEach, describe, expect, test } from "vitest";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { refusal, TestBroker, TestChannel } from "./fixture/test-broker.ts";

let broker: TestBroker;

beforeEach(async () => {
  broker = await TestBroker.open();
});

const all = { configure: ".*", write: ".*", read: ".*" };

describe("connections", () => {
  const open = (virtualHost: string, user = broker.client.user, onClose: (reason: string) => void = () => {}) =>
    broker.broker.openConnection({ virtualHost, user, name: "c", protocol: "test", peer: "", onClose });

  test("need a virtual host that exists and lets the user in", async () => {
    const user = await broker.broker.users.put("u", "p", []);
    expect(await refusal(() => open("none"))).toBe("not-allowed: vhost none not found");
    expect(await refusal(() => open("/", user))).toBe("not-allowed: access to vhost '/' refused for user 'u'");
  });

  test("are limited, in RabbitMQ's words", async () => {
    broker = await TestBroker.open({ limits: { connectionsMax: 2 } });
    const second = open("/");
    expect(await refusal(() => open("/"))).toBe(
      "not-allowed: connection refused: node connection limit (2) is reached",
    );
    second.close();
    open("/");
  });

  test("and their channels are counted, and gone when they close", () => {
    const client = open("/");
    const channel = new TestChannel(client);
    expect([broker.broker.connections.size, client.channels.size]).toEqual([2, 1]);
    client.close();
    expect(channel.channel.closed).toBe(true);
    const { connectionsOpened, connectionsClosed, channelsOpened, channelsClosed } = broker.broker.totals;
    expect([connectionsOpened, connectionsClosed, channelsOpened, channelsClosed]).toEqual([2, 1, 1, 1]);
  });

  test("are told and closed when the broker closes, which may be asked for with messages out", async () => {
    const reasons: string[] = [];
    const client = open("/", broker.client.user, (reason) => reasons.push(reason));
    await broker.queue("q");
    const channel = new TestChannel(client);
    channel.publish("", "q", "m");
    channel.consume("q");
    await broker.broker.close();
    expect([reasons, broker.broker.connections.size]).toEqual([["shutdown"], 0]);
  });
});

describe("virtual hosts", () => {
  test("are apart: the same names are other queues, and permissions are each one's own", async () => {
    await broker.broker.createVirtualHost("other");
    await broker.broker.users.setPermissions("guest", "other", all);
    const user = broker.client.user;
    const client = broker.broker.openConnection({
      virtualHost: "other",
      user,
      name: "",
      protocol: "",
      peer: "",
      onClose: () => {},
    });
    await broker.queue("q");
    const channel = new TestChannel(client);
    expect(await refusal(() => channel.consume("q"))).toBe("not-found: no queue 'q' in vhost 'other'");
    expect(await broker.broker.createVirtualHost("other")).toBe(client.virtualHost);
  });

  test("deleted, one takes its connections, queues, permissions and stored definitions with it", async () => {
    const disk = new Disk();
    broker = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const before = new Set(disk.definitions.keys());
    await broker.broker.createVirtualHost("gone");
    await broker.broker.users.setPermissions("guest", "gone", all);
    await broker.broker.users.setTopicPermissions("guest", "gone", "amq.topic", { write: "a", read: "a" });
    const { user } = broker.client;
    const reasons: string[] = [];
    const onClose = (reason: string): void => void reasons.push(reason);
    const client = broker.broker.openConnection({
      virtualHost: "gone",
      user,
      name: "",
      protocol: "",
      peer: "",
      onClose,
    });
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: [] };
    const queue = await client.declareQueue("q", spec);
    await client.bind({
      source: "amq.topic",
      destination: "q",
      destinationKind: "queue",
      routingKey: "a",
      arguments: [],
    });
    const channel = new TestChannel(client);
    channel.publish("", "q", "m", { deliveryMode: 2 });
    await broker.broker.deleteVirtualHost("gone");
    await broker.broker.deleteVirtualHost("gone");
    expect([reasons, broker.broker.connections.size]).toEqual([["vhost 'gone' is deleted"], 1]);
    expect([queue.deleted, channel.channel.closed, user.mayAccess("gone")]).toEqual([true, true, false]);
    expect(new Set(disk.definitions.keys())).toEqual(before);
    expect(disk.unsettled).toBe(0);
  });
});

describe("a store that cannot write", () => {
  test("raises the disk alarm until it can, and topology waits", async () => {
    const storage = new KeepingStorage();
    broker = await TestBroker.open({ storage });
    const told: string[] = [];
    broker.broker.alarms.subscribe(() => told.push(broker.broker.alarms.reason));
    storage.holding = true;
    storage.fail(new Error("ENOSPC"));
    let declared = false;
    const declaring = broker.queue("q").then(() => (declared = true));
    broker.endTurn();
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([broker.broker.alarms.blocked, broker.broker.store.healthy, declared]).toEqual([true, false, false]);
    storage.work();
    storage.commit();
    await declaring;
    expect([told, broker.broker.store.healthy]).toEqual([["low on disk", ""], true]);
  });

  test("does so only when too much waits for it where it is elsewhere, as it comes back", async () => {
    const storage = new KeepingStorage();
    storage.remote = true;
    broker = await TestBroker.open({ storage, limits: { undurableBytesMax: 1000 } });
    const { alarms, store } = broker.broker;
    storage.holding = true;
    storage.fail(new Error("away"));
    await broker.queue("fleeting", {}, { durable: false });
    const channel = broker.channel();
    channel.publish("", "fleeting", "goes on");
    broker.endTurn();
    expect([channel.drain("fleeting"), alarms.reason, store.healthy]).toEqual([["goes on"], "", false]);
    storage.pendingBytes = 1001;
    channel.publish("", "fleeting", "x");
    store.put("key", null);
    broker.endTurn();
    expect(alarms.reason).toBe("low on disk");
    storage.work();
    expect([alarms.reason, store.healthy]).toEqual(["", true]);
  });
});
