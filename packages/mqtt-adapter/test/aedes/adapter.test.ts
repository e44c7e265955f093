import { certificate, privateKey, until } from "@jackalope/testkit";
import type { IClientOptions, MqttClient } from "mqtt";
import { Deadline, type StorageEngine } from "@jackalope/core/storage";
import { describe, expect, it } from "vitest";
import { type AedesAdapter, createAedesAdapter, createAedesPersistence } from "../../src/aedes/index.ts";
import type { MqttAdapterOptions } from "../../src/index.ts";
import { RawClient } from "../raw-client.ts";
import {
  afterTest,
  CoreClient,
  messagesOf,
  mqttClient,
  openBroker,
  type TestBroker,
  TestDisk,
} from "./broker-fixture.ts";

interface Fixture extends TestBroker {
  readonly adapter: AedesAdapter;
  readonly port: number;
  client(options?: IClientOptions): Promise<MqttClient>;
}

async function start(options: Partial<MqttAdapterOptions> = {}, storage?: StorageEngine): Promise<Fixture> {
  const opened = await openBroker(storage, true);
  const adapter = createAedesAdapter({ broker: opened.broker, ...options });
  afterTest(() => adapter.close());
  const [{ port } = { port: 0 }] = await adapter.listen({ host: "127.0.0.1", port: 0 });
  return { ...opened, adapter, port, client: (clientOptions) => mqttClient(port, clientOptions) };
}

/** The error that a CONNECT is refused with. */
function refusal(port: number, options: IClientOptions): Promise<{ readonly code?: number | string; message: string }> {
  return mqttClient(port, options).then(
    () => {
      throw new Error("it was accepted");
    },
    (error: { code?: number | string; message: string }) => error,
  );
}

describe("through the aedes engine, MQTT and the rest of the broker", () => {
  it("exchange messages in both directions, of every QoS", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("from.mqtt.#");
    const mqtt = await client();
    const messages = messagesOf(mqtt);
    await mqtt.subscribeAsync("from/core/+", { qos: 2 });
    for (const qos of [0, 1, 2] as const) await mqtt.publishAsync(`from/mqtt/${qos}`, `QoS ${qos}`, { qos });
    core.publish("from.core.transient", "one");
    core.publish("from.core.persistent", "two", true);
    await until(() => core.received.length === 3 && messages.length === 2);
    expect(core.received.map(({ text }) => text)).toEqual(["QoS 0", "QoS 1", "QoS 2"]);
    expect(core.received.map(({ message }) => message.persistent)).toEqual([false, true, true]);
    expect(messages).toEqual(["from/core/transient: one", "from/core/persistent: two"]);
  });

  it("tell who published a message where the broker adds origin headers", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("#");
    const will = { topic: "will", payload: Buffer.from("bye"), qos: 0 as const, retain: false };
    const mqtt = await client({ clientId: "known", will });
    await mqtt.publishAsync("t", "x", { qos: 1 });
    mqtt.stream.destroy();
    await until(() => core.received.length === 2);
    for (const { message } of core.received) {
      const headers = new Map(message.properties.headers);
      const texts = ["x-origin-user", "x-origin-client-id", "x-origin-protocol"].map((name) => headers.get(name));
      expect(texts).toMatchObject([{ value: "guest" }, { value: "known" }, { value: "MQTT 3.1.1" }]);
    }
  });

  it("publishes wait while an alarm is on, the first of a client too, and who does not publish is read from", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("t");
    const [publisher, newcomer, listener] = [await client(), await client(), await client()];
    const messages = messagesOf(listener);
    await listener.subscribeAsync("down", { qos: 1 });
    await listener.publishAsync("t", "before", { qos: 1 });
    broker.alarms.set("memory", "test", true);
    publisher.publish("t", "during");
    newcomer.publish("t", "first");
    core.publish("down", "hello");
    await until(() => messages.length === 1);
    expect(core.received.map(({ text }) => text)).toEqual(["before"]);
    broker.alarms.set("memory", "test", false);
    await until(() => core.received.length === 3);
    expect(
      core.received
        .slice(1)
        .map(({ text }) => text)
        .sort(),
    ).toEqual(["during", "first"]);
  });

  it("sessions that are kept wait elsewhere while another broker may have taken the store over", async () => {
    const { broker, client, port } = await start();
    broker.store.ownedUntil(new Deadline(broker.clock, 20));
    await until(() => !broker.store.ownership.certain);
    expect(await refusal(port, { clean: false, clientId: "kept" })).toMatchObject({ code: 3 });
    await client({ clean: true });
    broker.store.ownedUntil(new Deadline(broker.clock, 60_000));
    await client({ clean: false, clientId: "kept" });
  });

  it("MQTT clients reach each other, with topics that have dots", async () => {
    const { client } = await start();
    const [publisher, subscriber] = [await client(), await client()];
    const messages = messagesOf(subscriber);
    await subscriber.subscribeAsync("v1.2/+", { qos: 1 });
    await publisher.publishAsync("v1/2/x", "not this one", { qos: 1 });
    await publisher.publishAsync("v1.2/x", "this one", { qos: 1 });
    await until(() => messages.length > 0);
    expect(messages).toEqual(["v1.2/x: this one"]);
  });

  it("what a dotted topic was published with is what AMQP's subscribers can route by", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("v1.2.x");
    await (await client()).publishAsync("v1.2/x", "here", { qos: 1 });
    await until(() => core.received.length === 1);
  });

  it("retained messages are kept, found by wildcards, and removed", async () => {
    const { client } = await start();
    const publisher = await client();
    await publisher.publishAsync("state/lamp", "on", { qos: 1, retain: true });
    await publisher.publishAsync("state/door", "shut", { qos: 1, retain: true });
    await publisher.publishAsync("state/door", "", { qos: 1, retain: true });
    await publisher.publishAsync("state/end", "of it", { qos: 1, retain: true });
    const subscriber = await client();
    const retained: string[] = [];
    subscriber.on("message", (topic, _, packet) => retained.push(`${topic} ${packet.retain}`));
    await subscriber.subscribeAsync("state/#");
    await until(() => retained.length === 2);
    expect(retained.sort()).toEqual(["state/end true", "state/lamp true"]);
  });

  it("aedes' own topics stay among MQTT's subscribers", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("#");
    const watcher = await client();
    const messages = messagesOf(watcher);
    await watcher.subscribeAsync("$SYS/+/new/clients");
    await client({ clientId: "newcomer" });
    await until(() => messages.length > 0);
    expect(messages[0]).toMatch(/^\$SYS\/.+\/new\/clients: newcomer$/);
    await watcher.publishAsync("end", "");
    await until(() => core.received.length > 0);
    expect(core.received.map(({ message }) => message.route.routingKey)).toEqual(["end"]);
  });

  it("a will is published when its client breaks off, and not after DISCONNECT", async () => {
    const { client } = await start();
    const watcher = await client();
    const messages = messagesOf(watcher);
    await watcher.subscribeAsync("gone/#");
    const will = (name: string) => ({
      topic: `gone/${name}`,
      payload: Buffer.from("bye"),
      qos: 1 as const,
      retain: false,
    });
    const polite = await client({ will: will("polite") });
    const rude = await client({ will: will("rude") });
    await polite.endAsync();
    rude.stream.destroy();
    await until(() => messages.length > 0);
    expect(messages).toEqual(["gone/rude: bye"]);
  });

  it("what a client sends right before DISCONNECT is not lost", async () => {
    const { broker, port } = await start();
    const core = new CoreClient(broker);
    await core.subscribe("#");
    const raw = await RawClient.connect(port);
    raw.version = 4;
    await raw.login({ protocolVersion: 4, protocolId: "MQTT", clientId: "hasty" });
    for (let number = 0; number < 50; number++) {
      raw.packet({ cmd: "publish", topic: `t/${number}`, payload: "x", qos: 0, dup: false, retain: false });
    }
    raw.packet({ cmd: "disconnect" });
    await raw.end();
    await until(() => core.received.length === 50);
  });
});

describe("sessions of the aedes engine", () => {
  it("get what comes while their client is away, from MQTT and from the rest of the broker", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    const terms = { clientId: "sleeper", clean: false };
    const before = await client(terms);
    await before.subscribeAsync("news/#", { qos: 1 });
    await before.endAsync();
    // PUBACK comes before the message is on its way, PUBREC behind.
    await (await client()).publishAsync("news/mqtt", "one", { qos: 2 });
    core.publish("news.core", "two", true);
    core.publish("news.core", "transient", false);
    const messages = messagesOf(await client(terms));
    await until(() => messages.length === 2);
    expect(messages).toEqual(["news/mqtt: one", "news/core: two"]);
  });

  it("are kept online too: persistent messages of others are acknowledged and gone", async () => {
    const { broker, client } = await start();
    const core = new CoreClient(broker);
    const terms = { clientId: "awake", clean: false };
    const first = await client(terms);
    const messages = messagesOf(first);
    // Overlapping subscriptions get one copy.
    await first.subscribeAsync({ "news/#": { qos: 1 }, "news/+": { qos: 2 } });
    for (let number = 0; number < 5; number++) core.publish("news.core", String(number), true);
    await until(() => messages.length === 5);
    expect(messages).toEqual(["0", "1", "2", "3", "4"].map((text) => `news/core: ${text}`));
    // Acknowledged ones do not come again.
    let waiting = 5;
    const stream = () => createAedesPersistence({ broker }).outgoingStream({ id: "awake" });
    await until(() => {
      void stream()
        .toArray()
        .then((packets) => {
          waiting = packets.length;
        });
      return waiting === 0;
    });
  });

  it("survive a crash, with what was acknowledged by PUBREC", async () => {
    const disk = new TestDisk();
    const first = await start({}, disk.storage());
    const terms = { clientId: "sleeper", clean: false };
    const before = await first.client(terms);
    await before.subscribeAsync("news/#", { qos: 2 });
    await before.endAsync();
    const publisher = await first.client();
    for (let number = 0; number < 20; number++) await publisher.publishAsync("news/x", String(number), { qos: 2 });
    disk.crash(first);
    await first.adapter.close();
    const second = await start({}, disk.storage());
    const messages = messagesOf(await second.client(terms));
    await until(() => messages.length === 20);
    expect(messages).toEqual(Array.from({ length: 20 }, (_, number) => `news/x: ${number}`));
  });

  it("do not cost other subscribers a message, however QoS and retain are mixed", async () => {
    const { client } = await start({}, new TestDisk().storage());
    // Stores everything above QoS 0, and makes those publishes wait for the disk.
    await (await client({ clientId: "stores", clean: false })).subscribeAsync("#", { qos: 1 });
    const subscriber = await client();
    await subscriber.subscribeAsync("#", { qos: 1 });
    const messages = messagesOf(subscriber);
    const publisher = await client();
    const published = Array.from({ length: 300 }, (_, number) => {
      const qos = (number % 3) as 0 | 1 | 2;
      return publisher.publishAsync(`t/${number % 7}`, String(number), { qos, retain: number % 5 === 0 });
    });
    await Promise.all(published);
    await until(() => messages.length >= 300);
    const numbers = messages.map((text) => Number(text.split(": ")[1]));
    expect([...numbers].sort((one, other) => one - other)).toEqual(Array.from({ length: 300 }, (_, number) => number));
  });

  it("are taken over by a second client of the same id", async () => {
    const { adapter, client } = await start();
    const first = await client({ clientId: "twin" });
    const closed = new Promise((resolve) => first.on("close", () => resolve(undefined)));
    const second = await client({ clientId: "twin" });
    await closed;
    await second.publishAsync("t", "still here", { qos: 1 });
    await until(() => adapter.connectionCount === 1);
  });
});

describe("logins of the aedes engine", () => {
  it("are not taken over by a second user with the same id, connected or away, after a restart too", async () => {
    const disk = new TestDisk();
    const first = await start({}, disk.storage());
    await first.broker.users.put("other", "secret", []);
    await first.broker.users.setPermissions("other", "/", { configure: ".*", write: ".*", read: ".*" });
    const other = { clientId: "id", username: "other", password: "secret" };
    const owner = await first.client({ clientId: "id", clean: false });
    const messages = messagesOf(owner);
    await owner.subscribeAsync("t", { qos: 1 });
    for (const clean of [true, false])
      expect(await refusal(first.port, { ...other, clean })).toMatchObject({ code: 2 });
    await (await first.client()).publishAsync("t", "connected", { qos: 1 });
    await until(() => messages.length > 0);
    await owner.endAsync();
    await first.adapter.close();
    await first.close();
    const second = await start({}, disk.storage());
    for (const clean of [true, false])
      expect(await refusal(second.port, { ...other, clean })).toMatchObject({ code: 2 });
    await (await second.client()).publishAsync("t", "away", { qos: 1 });
    const again = await second.client({ clientId: "id", clean: false });
    const later = messagesOf(again);
    await until(() => later.length > 0);
    await again.endAsync();
    expect([messages, later]).toEqual([["t: connected"], ["t: away"]]);
  });

  it("end with their user", async () => {
    const { broker, client, adapter } = await start();
    await broker.users.put("leaver", "secret", []);
    await broker.users.setPermissions("leaver", "/", { configure: ".*", write: ".*", read: ".*" });
    const core = new CoreClient(broker);
    await core.subscribe("wills");
    const will = { topic: "wills", payload: Buffer.from("gone"), qos: 0 as const, retain: false };
    const leaver = await client({ username: "leaver", password: "secret", reconnectPeriod: 0, will });
    let closed = false;
    leaver.on("close", () => (closed = true));
    await broker.users.delete("leaver");
    await until(() => closed && adapter.connectionCount === 0);
    expect(core.received).toEqual([]);
  });

  it("go by the broker's users: a wrong password is return code 4", async () => {
    const { port, log } = await start();
    expect((await refusal(port, { password: "wrong" })).code).toBe(4);
    expect(log.some((line) => line.includes("wrong password"))).toBe(true);
  });

  it("without a user need an anonymous one", async () => {
    const anonymous = { username: undefined, password: undefined } as unknown as IClientOptions;
    expect((await refusal((await start()).port, anonymous)).code).toBe(4);
    const { broker, port } = await start({ anonymousUser: { name: "guest", password: "guest" } });
    await mqttClient(port, anonymous);
    expect([...broker.connections].map(({ user }) => user.name)).toContain("guest");
  });

  it("choose a virtual host by vhost:user, and virtual hosts do not hear of each other", async () => {
    const { broker, client, port } = await start();
    await broker.createVirtualHost("other");
    expect((await refusal(port, { username: "other:guest" })).code).toBe(5);
    expect((await refusal(port, { username: "missing:guest" })).code).toBe(5);
    await broker.users.setPermissions("guest", "other", { configure: ".*", write: ".*", read: ".*" });
    const here = await client();
    const there = await client({ username: "other:guest" });
    const [hereMessages, thereMessages] = [messagesOf(here), messagesOf(there)];
    await here.subscribeAsync("#");
    await there.subscribeAsync("#");
    await here.publishAsync("t", "here", { qos: 1 });
    await there.publishAsync("t", "there", { qos: 2 });
    const core = new CoreClient(broker, "other");
    core.publish("t", "core, there");
    await until(() => hereMessages.length === 1 && thereMessages.length === 2);
    expect(hereMessages).toEqual(["t: here"]);
    expect(thereMessages).toEqual(["t: there", "t: core, there"]);
  });

  it("of version 5 are refused in a way that its clients understand", async () => {
    const { port, log } = await start();
    const error = await refusal(port, { protocolVersion: 5 });
    expect(error.code).toBe(0x84);
    expect(log.some((line) => line.includes("MQTT 5 needs mqtt-engine = native"))).toBe(true);
  });

  it("of version 3.1 are served", async () => {
    const { broker, client } = await start();
    const mqtt = await client({ protocolVersion: 3, protocolId: "MQIsdp", clientId: "old" });
    const messages = messagesOf(mqtt);
    await mqtt.subscribeAsync("t");
    await mqtt.publishAsync("t", "old", { qos: 1 });
    await until(() => messages.length === 1);
    expect([...broker.connections].map(({ options }) => options.protocol)).toContain("MQTT 3.1");
  });

  it("are by certificate where there is one and no user name", async () => {
    const { broker, adapter } = await start();
    // The certificate of the tests is for localhost, and signs itself.
    await broker.users.put("localhost", "not used", []);
    await broker.users.setPermissions("localhost", "/", { configure: ".*", write: ".*", read: ".*" });
    const tls = { cert: certificate, key: privateKey, ca: certificate, requestCert: true, rejectUnauthorized: false };
    const [{ port } = { port: 0 }] = await adapter.listen({ host: "127.0.0.1", port: 0, tls });
    const unnamed = { username: undefined, password: undefined } as unknown as IClientOptions;
    const certified = { cert: certificate, key: privateKey, ca: certificate, rejectUnauthorized: false };
    await mqttClient(port, { ...unnamed, ...certified, protocol: "mqtts" });
    await until(() => [...broker.connections].some(({ user }) => user.name === "localhost"));
  });

  it("come over WebSocket too", async () => {
    const { adapter } = await start();
    const [{ port } = { port: 0 }] = await adapter.listenWebSocket({ host: "127.0.0.1", port: 0 });
    for (const path of ["/ws", "/mqtt"]) {
      const client = await mqttClient(port, { protocol: "ws", path });
      const messages = messagesOf(client);
      await client.subscribeAsync("t");
      await client.publishAsync("t", "x".repeat(100_000), { qos: 1 });
      await until(() => messages.length === 1);
    }
  });

  it("are listed with protocol, user and client id, and gone with their client", async () => {
    const { broker, client } = await start();
    const mqtt = await client({ clientId: "listed" });
    const listed = () => [...broker.connections].find(({ options }) => options.clientId === "listed");
    expect(listed()?.options.protocol).toBe("MQTT 3.1.1");
    await mqtt.endAsync();
    await until(() => listed() === undefined);
  });
});

describe("permissions of the aedes engine", () => {
  async function limited(): Promise<Fixture> {
    const fixture = await start();
    const { users } = fixture.broker;
    await users.put("device", "secret", []);
    await users.setPermissions("device", "/", { configure: "^mqtt-", write: ".*", read: ".*" });
    await users.setTopicPermissions("device", "/", "amq.topic", {
      write: "^up\\.{client_id}$",
      read: "^down\\.{client_id}$",
    });
    return fixture;
  }
  const device = { username: "device", password: "secret", clientId: "seven" };

  it("a refused subscription is answered 0x80, and the connection lives", async () => {
    const { client, log } = await limited();
    const mqtt = await client(device);
    const granted = await mqtt.subscribeAsync(["down/seven", "down/eight"]).catch((error: unknown) => error);
    expect(granted).toMatchObject({ message: expect.stringContaining("Unspecified error") });
    const messages = messagesOf(mqtt);
    await (await client()).publishAsync("down/seven", "for you", { qos: 1 });
    await (await client()).publishAsync("down/eight", "for others", { qos: 1 });
    await until(() => messages.length > 0);
    expect(messages).toEqual(["down/seven: for you"]);
    expect(log.some((line) => line.startsWith("subscription refused"))).toBe(true);
  });

  it("a publish that is not allowed ends the connection and reaches nobody", async () => {
    const { broker, client } = await limited();
    const core = new CoreClient(broker);
    await core.subscribe("up.#");
    const mqtt = await client(device);
    await mqtt.publishAsync("up/seven", "mine", { qos: 1 });
    const closed = new Promise((resolve) => mqtt.on("close", () => resolve(undefined)));
    mqtt.publish("up/eight", "not mine");
    await closed;
    await until(() => core.received.length > 0);
    expect(core.received.map(({ text }) => text)).toEqual(["mine"]);
  });

  it("a will that is not allowed is refused with its CONNECT", async () => {
    const { port } = await limited();
    const will = { topic: "up/eight", payload: Buffer.from("x"), qos: 0 as const, retain: false };
    expect((await refusal(port, { ...device, will })).code).toBe(5);
  });

  it("nobody publishes to $SYS", async () => {
    const { client } = await start();
    const mqtt = await client();
    const closed = new Promise((resolve) => mqtt.on("close", () => resolve(undefined)));
    mqtt.publish("$SYS/x", "forged");
    await closed;
  });
});

describe("what is no MQTT", () => {
  it("is cut off, with the clause in the log", async () => {
    const { port, log } = await start();
    const raw = await RawClient.connect(port);
    raw.send("GET / HTTP/1.1\r\n\r\n");
    await until(() => raw.closed);
    expect(log.some((line) => line.includes("MQTT-"))).toBe(true);
  });

  it("a packet beyond packetBytesMax ends the connection before it has come whole", async () => {
    const { port } = await start({ limits: { packetBytesMax: 1000 } });
    const raw = await RawClient.connect(port);
    raw.version = 4;
    await raw.login({ protocolVersion: 4, protocolId: "MQTT", clientId: "large" });
    // PUBLISH with a remaining length of 100,000, and no more.
    raw.send(Buffer.from([0x30, 0xa0, 0x8d, 0x06, 0x00, 0x01, 0x61]));
    await until(() => raw.closed);
  });

  it("a client that says nothing is cut off after handshakeTimeoutMs", async () => {
    const { port } = await start({ limits: { handshakeTimeoutMs: 50 } });
    const raw = await RawClient.connect(port);
    await until(() => raw.closed);
  });
});

describe("close", () => {
  it("ends clients and listeners", async () => {
    const { adapter, client, port } = await start();
    const mqtt = await client();
    const closed = new Promise((resolve) => mqtt.on("close", () => resolve(undefined)));
    await adapter.close();
    await closed;
    expect(adapter.connectionCount).toBe(0);
    await expect(RawClient.connect(port)).rejects.toThrow("ECONNREFUSED");
  });
});
