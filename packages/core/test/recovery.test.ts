import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Broker } from "../src/broker.ts";
import { findField } from "../src/field-value.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { table, TestBroker, until } from "./fixture/test-broker.ts";

const persistent = { deliveryMode: 2 };

async function everything(broker: TestBroker, queue: string): Promise<{ body: string; redelivered: boolean }[]> {
  const channel = broker.channel();
  const found: { body: string; redelivered: boolean }[] = [];
  for (let got = await channel.channel.get(queue, true); got !== null; got = await channel.channel.get(queue, true)) {
    found.push({ body: Buffer.from(got.message.body).toString(), redelivered: got.redelivered });
  }
  return found;
}

describe("a restart", () => {
  test.each([
    ["is no JSON", "{", "Expected"],
    ["has no arguments", "{}", ""],
  ])("names the stored definition that %s", async (_, value, reason) => {
    const disk = new Disk();
    await TestBroker.open({ storage: new KeepingStorage(disk) });
    disk.definitions.set(JSON.stringify(["queue", "/", "broken"]), Buffer.from(value));
    const text = `the stored definition ["queue","/","broken"] cannot be read: ${reason}`;
    await expect(TestBroker.open({ storage: new KeepingStorage(disk) })).rejects.toThrow(text);
  });

  test("counts the bodies of what it brings back against x-max-length-bytes, and not the properties", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    await first.queue("q", { "x-max-length-bytes": 10 });
    const properties = { ...persistent, messageId: "x".repeat(50) };
    for (const body of ["aaaa", "bbbb"]) first.channel().publish("", "q", body, properties);
    first.endTurn();
    await first.broker.close();
    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const channel = second.channel();
    channel.publish("", "q", "cc", properties);
    channel.publish("", "q", "d", properties);
    const bodies = (await everything(second, "q")).map(({ body }) => body);
    expect(bodies).toEqual(["bbbb", "cc", "d"]);
  });

  test("brings durable exchanges, queues and bindings back, and no transient ones", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const queueArguments = { "x-message-ttl": { kind: "int64", value: 60_000n }, "x-max-priority": 3 } as const;
    await first.queue("kept", queueArguments);
    await first.queue("auto", {}, { autoDelete: true });
    await first.queue("transient", {}, { durable: false });
    await first.queue("exclusive", {}, { exclusive: true });
    await first.exchange("x", "headers", { "alternate-exchange": "amq.fanout" });
    await first.client.declareExchange("t", {
      type: "fanout",
      durable: false,
      autoDelete: false,
      internal: false,
      arguments: [],
    });
    await first.exchange("inner", "topic");
    const args = { "x-match": "any", color: { kind: "binary", value: Buffer.from([0, 255]) } } as const;
    await first.bind("x", "kept", "k", args);
    await first.bind("x", "kept", "unbound");
    await first.bind("x", "transient");
    await first.bind("t", "kept");
    await first.bindExchange("x", "inner", "e2e");
    await first.client.unbind({
      source: "x",
      destination: "kept",
      destinationKind: "queue",
      routingKey: "unbound",
      arguments: [],
    });
    await first.queue("deleted");
    await first.bind("x", "deleted");
    await first.client.deleteQueue("deleted", false, false);

    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    expect([...second.host.queues.keys()].sort()).toEqual(["auto", "kept"]);
    const kept = second.host.queues.get("kept");
    expect(kept).toMatchObject({ durable: true, exclusive: false, autoDelete: false });
    expect(kept?.arguments).toEqual(table(queueArguments));
    expect(second.host.queues.get("auto")?.autoDelete).toBe(true);
    expect(second.host.exchanges.has("t")).toBe(false);
    const x = second.host.exchanges.get("x");
    expect(x).toMatchObject({ type: "headers", durable: true, alternate: "amq.fanout" });
    const bindings = [...(x?.bindings.values() ?? [])].map((each) => [each.destination.name, each.routingKey]);
    expect(bindings.sort()).toEqual([
      ["inner", "e2e"],
      ["kept", "k"],
    ]);
    const color = [...(x?.bindings.values() ?? [])].map((each) => findField(each.arguments, "color")).find(Boolean);
    expect(color).toEqual({ kind: "binary", value: Buffer.from([0, 255]) });
    // Declared again as before, it is the same queue.
    expect(await second.queue("kept", queueArguments)).toBe(kept);
    const fresh = await second.queue("fresh");
    expect(fresh.id).toBeGreaterThan(kept?.id ?? Number.POSITIVE_INFINITY);
  });

  test("brings persistent messages of durable queues back in order, redelivered, with what they carried", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    for (const name of ["a", "b"]) {
      await first.queue(name);
      await first.bind("amq.fanout", name);
    }
    await first.queue("transient", {}, { durable: false });
    await first.bind("amq.fanout", "transient");
    const channel = first.channel();
    const headers = table({ h: { kind: "int64", value: 7n } });
    channel.publish("amq.fanout", "key", "1", { ...persistent, headers, correlationId: "c" });
    channel.publish("amq.fanout", "key", "lost");
    channel.publish("amq.fanout", "key", "2", persistent);
    channel.channel.ack(channel.get("b", false)?.deliveryTag ?? 0, false);
    first.endTurn();

    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    expect(second.host.queues.get("a")?.readyCount).toBe(2);
    const reader = second.channel();
    const got = await reader.channel.get("a", false);
    expect(got).toMatchObject({ redelivered: true, deliveryTag: 1, readyCount: 1 });
    expect(got?.message.properties).toEqual({ ...persistent, headers, correlationId: "c" });
    expect([got?.message.route.exchange, got?.message.route.routingKey]).toEqual(["amq.fanout", "key"]);
    reader.channel.close();
    expect(await everything(second, "a")).toEqual([
      { body: "1", redelivered: true },
      { body: "2", redelivered: true },
    ]);
    expect((await everything(second, "b")).map((each) => each.body)).toEqual(["2"]);
    second.endTurn();
    expect(disk.unsettled).toBe(0);
  });

  test("keeps priorities, counts time to live from the publish, and starts x-expires anew", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    await first.queue("prio", { "x-max-priority": 5 });
    await first.queue("ttl", { "x-message-ttl": 1000 });
    await first.queue("expires", { "x-expires": 1000 });
    const channel = first.channel();
    for (const priority of [1, 5, 3]) channel.publish("", "prio", `${priority}`, { ...persistent, priority });
    channel.publish("", "ttl", "queue's", persistent);
    channel.publish("", "ttl", "own", { ...persistent, expiration: "400" });
    first.endTurn();
    first.clock.advance(500);
    const second = await TestBroker.open({ storage: new KeepingStorage(disk), clock: first.clock });
    expect((await everything(second, "prio")).map((each) => each.body)).toEqual(["5", "3", "1"]);
    second.clock.advance(499);
    expect([second.host.queues.get("ttl")?.readyCount, second.host.queues.has("expires")]).toEqual([2, true]);
    second.clock.advance(1);
    await until(() => second.host.queues.get("ttl")?.readyCount === 0);
    second.clock.advance(500);
    expect(second.host.queues.has("expires")).toBe(false);
  });

  test("settles what a queue that is gone had left unacknowledged", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    await first.queue("q");
    const channel = first.channel();
    channel.publish("", "q", "m", persistent);
    channel.get("q", false);
    await first.client.deleteQueue("q", false, false);
    expect(disk.unsettled).toBe(1);
    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    second.endTurn();
    expect(disk.unsettled).toBe(0);
  });

  test("makes the default virtual host and user once, both or neither", async () => {
    const disk = new Disk();
    const storage = new KeepingStorage(disk);
    storage.holding = true;
    let opened = false;
    const opening = Broker.open({ storage }).then((broker) => {
      opened = true;
      return broker;
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([opened, disk.definitions.size]).toEqual([false, 0]);
    storage.holding = false;
    storage.commit();
    const broker = await opening;
    expect([...disk.definitions.keys()].map((key) => (JSON.parse(key) as string[])[0])).toEqual([
      "vhost",
      "user",
      "permission",
    ]);
    await broker.users.delete("guest");
    const again = await Broker.open({ storage: new KeepingStorage(disk) });
    expect(again.users.count).toBe(0);
  });

  test("after a crash at any moment there is what was committed, in order, and nothing else", async () => {
    const step = fc.constantFrom("publish", "publish", "transient", "get", "ack", "requeue", "dead-letter", "commit");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = new Disk();
        const storage = new KeepingStorage(disk);
        const broker = await TestBroker.open({ storage, limits: { queueWindowMessagesMax: 3, pageMessagesMax: 2 } });
        await broker.queue("dead");
        await broker.queue("q", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" });
        storage.holding = true;
        const channel = broker.channel();
        const held: { tag: number; body: string }[] = [];
        const stored = new Set<string>();
        const dead: string[] = [];
        let committed: [string[], string[]] = [[], []];
        let published = 0;
        for (const each of steps) {
          if (each === "publish" || each === "transient") {
            const body = `${++published}`;
            if (each === "publish") stored.add(body);
            channel.publish("", "q", body, each === "publish" ? persistent : {});
          } else if (each === "get") {
            const got = await channel.channel.get("q", false);
            if (got !== null) held.push({ tag: got.deliveryTag, body: Buffer.from(got.message.body).toString() });
          } else if (each === "commit") {
            storage.commit();
            committed = [[...stored], [...dead]];
          } else {
            const settled = held.shift();
            if (settled === undefined) continue;
            if (each === "ack") channel.channel.ack(settled.tag, false);
            else channel.channel.reject(settled.tag, false, each === "requeue", "nack");
            if (each === "requeue") continue;
            if (each === "dead-letter" && stored.has(settled.body)) dead.push(settled.body);
            stored.delete(settled.body);
          }
        }
        const after = await TestBroker.open({ storage: new KeepingStorage(disk) });
        const bodies = async (queue: string): Promise<string[]> =>
          (await everything(after, queue)).map((one) => one.body);
        expect(await bodies("q")).toEqual(committed[0]);
        expect(await bodies("dead")).toEqual(committed[1]);
      }),
      { numRuns: 150 },
    );
  });

  test("ids of queues that a remote medium may still bring up are not given again", async () => {
    const disk = new Disk();
    const ids: number[] = [];
    for (const name of ["a", "b"]) {
      const storage = new KeepingStorage(disk);
      storage.remote = true;
      const broker = await TestBroker.open({ storage });
      ids.push((await broker.queue(name)).id);
    }
    expect(ids).toEqual([1, 16_386]);
  });

  test("a stored definition that is refused by now is mended and stored so, and its messages are there", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    await first.exchange("dlx", "fanout");
    await first.exchange("x", "fanout", { "alternate-exchange": "ae" });
    await first.queue("q", { "x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "KEY", "x-max-length": 5 });
    await first.bind("dlx", "q");
    first.channel().publish("", "q", "body", persistent);
    first.endTurn();
    await first.broker.close();
    // What a version without bounds has stored.
    for (const [key, value] of disk.definitions) {
      const text = value
        .toString()
        .replace('"KEY"', `"${"k".repeat(70_000)}"`)
        .replace('"ae"', `"${"a".repeat(300)}"`);
      disk.definitions.set(key, Buffer.from(text));
      if (key.includes('"dlx"') && key.includes("binding")) {
        disk.definitions.set(key.replace('"dlx"', '"gone"'), value);
      }
    }
    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const queue = second.host.queues.get("q");
    expect(queue?.options).toMatchObject({ deadLetterExchange: "dlx", deadLetterRoutingKey: null, lengthMax: 5 });
    expect(second.host.exchanges.get("x")?.alternate).toBe(null);
    expect(second.logged.filter((line) => line.includes("goes on without it"))).toHaveLength(2);
    expect(second.logged).toContain("a stored binding cannot be made and is removed");
    expect((await everything(second, "q")).map(({ body }) => body)).toEqual(["body"]);
    second.endTurn();
    await second.broker.close();
    const stored = [...disk.definitions].flat().join();
    expect(stored).not.toContain("kkk");
    expect(stored).not.toContain("aaa");
    expect(stored).not.toContain("gone");
    const third = await TestBroker.open({ storage: new KeepingStorage(disk) });
    expect(third.logged.filter((line) => line.includes("stored"))).toEqual([]);
  });
});
