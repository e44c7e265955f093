import { MemoryStorage } from "@jackalope/core";
import { emptyFieldTable } from "@jackalope/core/adapter";
import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import {
  type AedesEmitter,
  type AedesEmitterOptions,
  createAedesEmitter,
  createAedesPersistence,
} from "../../src/aedes/index.ts";
import type { EmitterMessage } from "../../src/aedes/packet.ts";
import { topicOf } from "../../src/message-topic.ts";
import { afterTest, CoreClient, openBroker } from "./broker-fixture.ts";

type Options = Omit<AedesEmitterOptions, "broker">;

async function start(
  options: Options = {},
): Promise<{ emitter: AedesEmitter; core: CoreClient; other: () => AedesEmitter }> {
  const { broker } = await openBroker();
  const emitter = createAedesEmitter({ broker, ...options });
  afterTest(() => void emitter.close());
  return { emitter, core: new CoreClient(broker), other: () => createAedesEmitter({ broker }) };
}

/** What a listener of the emitter hears. */
function heardBy(emitter: AedesEmitter, filter: string): EmitterMessage[] {
  const heard: EmitterMessage[] = [];
  emitter.on(filter, (message, done) => {
    heard.push(message);
    done();
  });
  return heard;
}

const emitted = (emitter: AedesEmitter, message: EmitterMessage): Promise<Error | null> =>
  new Promise((resolve) => emitter.emit(message, (error) => resolve(error ?? null)));

describe("what is emitted", () => {
  it("reaches bindings of the topic exchange, with QoS for persistence", async () => {
    const { emitter, core } = await start();
    await core.subscribe("a.*");
    await emitted(emitter, { topic: "a/b", payload: Buffer.from("0"), qos: 0 });
    await emitted(emitter, { topic: "a/b", payload: Buffer.from("1"), qos: 1 });
    await emitted(emitter, { topic: "a/b/c", payload: Buffer.from("not this"), qos: 1 });
    expect(core.received.map(({ text }) => text)).toEqual(["0", "1"]);
    expect(core.received.map(({ message }) => message.persistent)).toEqual([false, true]);
    expect(core.received.map(({ message }) => message.format.id)).toEqual(["mqtt-0", "mqtt-1"]);
  });

  it("keeps a topic that its routing key does not tell", async () => {
    const { emitter, core } = await start();
    await core.subscribe("#");
    await emitted(emitter, { topic: "v1.2/x", payload: "y" });
    const [{ message, text } = { message: null, text: "" }] = core.received;
    expect(message?.route.routingKey).toBe("v1.2.x");
    expect(message === null ? "" : topicOf(message)).toBe("v1.2/x");
    expect(text).toBe("y");
  });

  it("comes as JSON where it is neither bytes nor text", async () => {
    const { emitter, core } = await start();
    await core.subscribe("#");
    await emitted(emitter, { topic: "a", payload: { my: "message" } });
    await emitted(emitter, { topic: "a" });
    expect(core.received.map(({ text }) => text)).toEqual(['{"my":"message"}', ""]);
  });

  it("is heard once by the emitter's own listeners, as the object that it is", async () => {
    const { emitter } = await start();
    const heard = heardBy(emitter, "#");
    const message = { topic: "a/b", payload: "x" };
    await emitted(emitter, message);
    await emitted(emitter, { topic: "end" });
    expect(heard[0]).toBe(message);
    expect(heard.length).toBe(2);
  });

  it("is an error for the callback where a full queue refused it", async () => {
    const { emitter, core } = await start();
    const { name } = await core.connection.declareQueue("full", {
      durable: false,
      exclusive: false,
      autoDelete: false,
      arguments: [
        ["x-max-length", { kind: "int32", value: 1 }],
        ["x-overflow", { kind: "string", value: "reject-publish" }],
      ],
    });
    const binding = { source: "amq.topic", destination: name, destinationKind: "queue" } as const;
    await core.connection.bind({ ...binding, routingKey: "#", arguments: emptyFieldTable });
    expect(await emitted(emitter, { topic: "a", qos: 1 })).toBeNull();
    expect((await emitted(emitter, { topic: "a", qos: 1 }))?.message).toContain("refused");
  });
});

describe("messages of others", () => {
  it("are heard as packets; without a persistence of ours all of them are QoS 0", async () => {
    const { emitter, core } = await start();
    const heard = heardBy(emitter, "a/+");
    core.publish("a.b", "text", true);
    await until(() => heard.length === 1);
    const [packet] = heard;
    expect(packet).toMatchObject({ cmd: "publish", topic: "a/b", qos: 0, retain: false, dup: false });
    expect(String(packet?.["payload"])).toBe("text");
  });

  it("are QoS 1 where they are persistent and a persistence stores them for sessions", async () => {
    const { emitter, core } = await start();
    createAedesPersistence({ broker: core.connection.broker });
    const heard = heardBy(emitter, "#");
    core.publish("a", "persistent", true);
    core.publish("a", "transient", false);
    await until(() => heard.length === 2);
    expect(heard.map(({ qos }) => qos)).toEqual([1, 0]);
    expect(heard.map(({ brokerCounter }) => brokerCounter)).toEqual([1, 2]);
  });

  it("come while somebody listens and no longer", async () => {
    const { emitter, core } = await start();
    const first = heardBy(emitter, "a");
    const listener = (_: EmitterMessage, done: () => void): void => done();
    emitter.on("b", listener);
    expect(core.connection.virtualHost.exchange("amq.topic")?.bindings.size).toBe(2);
    emitter.removeListener("b", listener);
    emitter.removeListener("b", listener);
    expect(core.connection.virtualHost.exchange("amq.topic")?.bindings.size).toBe(1);
    core.publish("b", "not heard");
    core.publish("a", "heard");
    await until(() => first.length === 1);
    emitter.removeAllListeners("a");
    expect(core.connection.virtualHost.exchange("amq.topic")?.bindings.size).toBe(0);
  });

  it("wait in the queue while `concurrency` of them are being handled", async () => {
    const { emitter, core } = await start({ concurrency: 2 });
    const open: (() => void)[] = [];
    emitter.on("#", (_, done) => open.push(done));
    for (let number = 0; number < 5; number++) core.publish("a", String(number));
    await until(() => open.length === 2);
    expect([emitter.current, emitter.length]).toEqual([2, 3]);
    open.shift()?.();
    await until(() => open.length === 2 && emitter.length === 2);
    await until(() => {
      for (const done of open.splice(0)) done();
      return emitter.current === 0 && emitter.length === 0;
    });
  });

  it("that nobody handles are bounded by the limits of a session", async () => {
    const { emitter, core } = await start({ concurrency: 1, limits: { sessionMessagesMax: 3 } });
    const heard: EmitterMessage[] = [];
    const open: (() => void)[] = [];
    emitter.on("#", (message, done) => {
      heard.push(message);
      open.push(done);
    });
    for (let number = 0; number < 10; number++) core.publish("a", String(number), true);
    expect(emitter.length).toBe(3);
    await until(() => {
      open.shift()?.();
      return heard.length === 4;
    });
    // The oldest are dropped.
    expect(heard.map(({ payload }) => String(payload))).toEqual(["0", "7", "8", "9"]);
    expect(core.connection.broker.totals.dropped.maxlen).toBe(6);
  });

  it("are written in the emitter's own syntax", async () => {
    const { emitter, core } = await start({ separator: "~", wildcardOne: "one", wildcardSome: "rest" });
    const heard = heardBy(emitter, "a~one~rest");
    core.publish("a.b.c", "x");
    await until(() => heard.length === 1);
    expect(heard[0]?.topic).toBe("a~b~c");
    await core.subscribe("#");
    await emitted(emitter, { topic: "a~b/c~d" });
    expect(core.received[0]?.message.route.routingKey).toBe("a.b%2Fc.d");
    expect(heard[1]?.topic).toBe("a~b/c~d");
  });
});

describe("the callback of emit", () => {
  async function held(options: Options = {}) {
    const storage = new MemoryStorage();
    const watermark = Object.getOwnPropertyDescriptor(MemoryStorage.prototype, "durable");
    const now = (): number => watermark?.get?.call(storage) as number;
    let heldAt: number | null = null;
    Object.defineProperties(storage, { persistent: { value: true }, durable: { get: () => heldAt ?? now() } });
    const { broker } = await openBroker(storage);
    const core = new CoreClient(broker);
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: emptyFieldTable };
    await core.connection.declareQueue("kept", spec);
    const binding = { source: "amq.topic", destination: "kept", destinationKind: "queue" } as const;
    await core.connection.bind({ ...binding, routingKey: "kept", arguments: emptyFieldTable });
    const emitter = createAedesEmitter({ broker, ...options });
    afterTest(() => void emitter.close());
    heldAt = now();
    const commit = (): void => {
      heldAt = null;
      broker.store.durable();
    };
    return { broker, emitter, commit };
  }

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it("waits until a message of QoS 1 is durable, and not for QoS 0", async () => {
    const { emitter, commit } = await held();
    const done: string[] = [];
    emitter.emit({ topic: "kept", qos: 1 }, () => done.push("QoS 1"));
    emitter.emit({ topic: "kept", qos: 0 }, () => done.push("QoS 0"));
    await turns();
    expect(done).toEqual(["QoS 0"]);
    expect(emitter.current).toBe(1);
    commit();
    await turns();
    expect(done).toEqual(["QoS 0", "QoS 1"]);
    expect(emitter.current).toBe(0);
  });

  it("waits for what the persistence wrote before", async () => {
    const { broker, emitter, commit } = await held();
    const persistence = createAedesPersistence({ broker });
    await persistence.outgoingEnqueue({ clientId: "away" }, { topic: "nobody", payload: "x", qos: 1 });
    const done: string[] = [];
    emitter.emit({ topic: "nobody", qos: 1 }, () => done.push("done"));
    await turns();
    expect(done).toEqual([]);
    commit();
    await turns();
    expect(done).toEqual(["done"]);
  });

  it("does not wait where it is told so", async () => {
    const { emitter } = await held({ waitsForDurability: false });
    let done = false;
    emitter.emit({ topic: "kept", qos: 1 }, () => {
      done = true;
    });
    await turns();
    expect(done).toBe(true);
  });
});

describe("an emitter", () => {
  it("is the only one of its virtual host while it is open", async () => {
    const { emitter, other } = await start();
    expect(other).toThrow("virtual host '/' has an emitter already");
    await new Promise<void>((resolve) => emitter.close(resolve));
    const second = other();
    afterTest(() => void second.close());
  });

  it("ends with its virtual host, and leaves nothing behind when it is closed", async () => {
    const { broker } = await openBroker();
    const host = await broker.createVirtualHost("passing");
    const emitter = createAedesEmitter({ broker, virtualHost: "passing" });
    heardBy(emitter, "#");
    await broker.deleteVirtualHost("passing");
    expect(emitter.closed).toBe(true);
    expect(host.queues.size).toBe(0);
    const second = createAedesEmitter({ broker });
    heardBy(second, "#");
    await new Promise<void>((resolve) => second.close(resolve));
    const root = broker.virtualHosts.get("/");
    expect([root?.queues.size, root?.exchange("amq.topic")?.bindings.size]).toEqual([0, 0]);
    expect(broker.connections.size).toBe(0);
  });
});

describe("an emitter", () => {
  it("is made while memory is low, and hears others", async () => {
    const { broker } = await openBroker();
    broker.alarms.set("memory", "test", true);
    const emitter = createAedesEmitter({ broker });
    afterTest(() => void emitter.close());
    const heard = heardBy(emitter, "a/#");
    new CoreClient(broker).publish("a.b", "x");
    await until(() => heard.length === 1);
  });

  it("that could not be made leaves nothing", async () => {
    const { broker, log } = await openBroker(undefined, false, { limits: { queuesPerVirtualHostMax: 0 } });
    for (let attempt = 0; attempt < 2; attempt++) expect(() => createAedesEmitter({ broker })).toThrow("queue limit");
    expect([...broker.connections]).toEqual([]);
    await broker.close();
    expect(log).toEqual([]);
  });
});
