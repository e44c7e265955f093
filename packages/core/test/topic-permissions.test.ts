import { expect, test } from "vitest";
import type { ClientConnection } from "../src/client-connection.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { refusal, table, TestBroker } from "./fixture/test-broker.ts";

const all = { configure: ".*", write: ".*", read: ".*" };
const refused = (key: string, exchange = "amq.topic"): string =>
  `access-refused: write access to topic '${key}' in exchange '${exchange}' in vhost '/' refused for user 'room'`;

/** A user that may publish topics below `room.` to amq.topic, and declare and bind what it likes. */
async function start(
  storage = new KeepingStorage(new Disk()),
): Promise<{ broker: TestBroker; room: ClientConnection }> {
  const broker = await TestBroker.open({ storage });
  await broker.broker.users.put("room", "p", []);
  await broker.broker.users.setPermissions("room", "/", all);
  await broker.broker.users.setTopicPermissions("room", "/", "amq.topic", { write: "^room\\.", read: ".*" });
  await broker.queue("seen");
  await broker.bind("amq.topic", "seen", "#");
  return { broker, room: broker.connect("room") };
}

const plain = { durable: true, autoDelete: false, internal: false, arguments: [] };

test("a publish is asked for every topic exchange that it reaches by bindings between exchanges", async () => {
  const { broker, room } = await start();
  const channel = broker.channel(room);
  for (const type of ["fanout", "direct", "headers"]) {
    await room.declareExchange(`own-${type}`, { ...plain, type });
    const binding = { source: `own-${type}`, destination: "amq.topic", destinationKind: "exchange" } as const;
    for (const routingKey of ["secret", "room.1"]) await room.bind({ ...binding, routingKey, arguments: [] });
    expect(await refusal(() => channel.publish(`own-${type}`, "secret", "x"))).toBe(refused("secret"));
    channel.publish(`own-${type}`, "room.1", type);
  }
  expect(broker.channel().drain("seen")).toEqual(["fanout", "direct", "headers"]);
});

test("and by alternate exchanges, where the message leads nowhere else", async () => {
  const { broker, room } = await start();
  const channel = broker.channel(room);
  await room.declareExchange("own", {
    ...plain,
    type: "direct",
    arguments: table({ "alternate-exchange": "amq.topic" }),
  });
  await broker.queue("elsewhere");
  await broker.bind("own", "elsewhere", "known");
  channel.publish("own", "known", "x");
  expect(await refusal(() => channel.publish("own", "secret", "x"))).toBe(refused("secret"));
  channel.publish("own", "room.1", "alternate");
  expect(broker.channel().drain("seen")).toEqual(["alternate"]);
  expect(broker.channel().drain("elsewhere")).toEqual(["x"]);
});

test("a binding that comes later counts at the next publish, and cycles end", async () => {
  const { broker, room } = await start();
  const channel = broker.channel(room);
  await room.declareExchange("own", { ...plain, type: "fanout" });
  channel.publish("own", "secret", "before");
  await broker.bindExchange("own", "amq.topic");
  await broker.bindExchange("amq.topic", "own", "#");
  expect(await refusal(() => channel.publish("own", "secret", "x"))).toBe(refused("secret"));
  channel.publish("own", "room.1", "x");
});

test("users without topic permissions publish everywhere", async () => {
  const { broker } = await start();
  await broker.exchange("own", "fanout");
  await broker.bindExchange("own", "amq.topic");
  broker.channel().publish("own", "secret", "x");
  expect(broker.channel().drain("seen")).toEqual(["x"]);
});

test("dead letters go in the name of who declared the queue, after a restart too", async () => {
  const disk = new Disk();
  const first = await start(new KeepingStorage(disk));
  const toTopic = table({ "x-dead-letter-exchange": "amq.topic", "x-message-ttl": 0 });
  const spec = { durable: true, exclusive: false, autoDelete: false };
  for (const name of ["secret", "room.1"]) await first.room.declareQueue(name, { ...spec, arguments: toTopic });
  const keyed = [...toTopic, ...table({ "x-dead-letter-routing-key": "secret" })];
  await first.room.declareQueue("keyed", { ...spec, arguments: keyed });
  await first.broker.queue("admin's", { "x-dead-letter-exchange": "amq.topic", "x-message-ttl": 0 });
  const publish = (broker: TestBroker, user: string): void => {
    const channel = broker.channel(broker.connect(user));
    for (const name of ["secret", "room.1", "keyed", "admin's"]) channel.publish("", name, name);
  };
  publish(first.broker, "room");
  expect(first.broker.channel().drain("seen")).toEqual(["room.1", "admin's"]);
  expect(first.broker.logged.filter((text) => text.includes("may not dead-letter"))).toHaveLength(2);
  const again = await TestBroker.open({ storage: new KeepingStorage(disk) });
  publish(again, "guest");
  expect(again.channel().drain("seen")).toEqual(["room.1", "admin's"]);
});

test("reply paths to MQTT topics are asked as a publish to the topic is", async () => {
  const { broker, room } = await start();
  const channel = broker.channel(room);
  expect(await refusal(() => channel.publish("", "/mqtt/secret", "x"))).toBe(refused("secret"));
  expect(await refusal(() => channel.publish("", "/topic/secret", "x"))).toBe(refused("secret"));
  channel.publish("", "/mqtt/room/1", "reply");
  expect(broker.channel().drain("seen")).toEqual(["reply"]);
});
