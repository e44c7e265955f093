import { Route, type StorageEngine } from "@jackalope/core/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OpenedStorage } from "./opened-storage.ts";
import { testMessage } from "./test-format.ts";

/** One place where an engine keeps things: a directory, a database, nothing at all. */
export interface StoragePlace {
  /** A new engine on the place, not recovered yet. The one before is closed. */
  engine(): StorageEngine;
  discard(): Promise<void>;
}

export interface StorageUnderTest {
  readonly name: string;
  /** An empty place. */
  create(): Promise<StoragePlace>;
}

/** The specification of `StorageEngine`: `describe.each(engines)("storage: $name", storageConformance)`. */
export function storageConformance(subject: StorageUnderTest): void {
  let place: StoragePlace;
  let store: OpenedStorage;
  const context: Context = {
    get store() {
      return store;
    },
    async reopen() {
      await store.engine.close();
      store = await OpenedStorage.open(place.engine());
      return store;
    },
  };

  beforeEach(async () => {
    place = await subject.create();
    store = await OpenedStorage.open(place.engine());
  });
  afterEach(async () => {
    await store.engine.close();
    await place.discard();
  });

  describe("writing", () => writing(context));
  describe("reading", () => reading(context));
  describe("after a restart", () => restarting(context));
}

interface Context {
  readonly store: OpenedStorage;
  reopen(): Promise<OpenedStorage>;
}

function writing(context: Context): void {
  test("an empty store has nothing to tell", () => {
    expect(context.store.definitions.size).toBe(0);
    expect(context.store.messages).toEqual([]);
  });

  test("messages get ascending Lsns, and the watermark reaches them after a flush", async () => {
    const { store } = context;
    const first = store.engine.append([1], testMessage("a"));
    const second = store.engine.append([1], testMessage("b"));
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(first);
    await store.commit(second);
    expect(store.engine.durable).toBeGreaterThanOrEqual(second);
    const third = store.engine.append([1], testMessage("c"));
    expect(third).toBeGreaterThan(second);
    await store.commit(third);
    expect(store.watermarks).toEqual(store.watermarks.toSorted((a, b) => a - b));
  });

  test("settles and definitions become durable too", async () => {
    const { store } = context;
    const lsn = store.engine.append([1], testMessage("a"));
    await store.commit(lsn);
    await store.commit(store.engine.settle(1, lsn));
    await store.commit(store.engine.put("key", Buffer.from("value")));
    await store.commit(store.engine.put("key", null));
    await store.commit(store.engine.atomic(() => store.engine.append([1], testMessage("b"))));
  });

  test("writes that do nothing are durable as soon as everything before them is", async () => {
    const { store } = context;
    await store.commit(store.engine.settle(1, 12345));
    await store.commit(store.engine.put("unknown", null));
    await store.commit(store.engine.atomic(() => {}));
    const lsn = store.engine.append([1], testMessage("a"));
    await store.commit(store.engine.settle(2, lsn));
    await store.commit(store.engine.settle(1, lsn));
    await store.commit(store.engine.settle(1, lsn));
  });

  test("pendingBytes counts what is not durable", async () => {
    const { store } = context;
    const lsn = store.engine.append([1], testMessage(Buffer.alloc(10_000)));
    if (store.engine.persistent) expect(store.engine.pendingBytes).toBeGreaterThanOrEqual(10_000);
    await store.commit(lsn);
    expect(store.engine.pendingBytes).toBe(0);
  });

  test("statistics count", async () => {
    const { store } = context;
    await store.commit(store.engine.append([1], testMessage(Buffer.alloc(10_000))));
    const statistics = store.engine.statistics();
    expect(statistics.storedBytes).toBeGreaterThanOrEqual(10_000);
    expect(statistics.writtenBytes).toBeGreaterThanOrEqual(10_000);
  });
}

function reading(context: Context): void {
  test("a message comes back with all its facts, flushed or not", async () => {
    const { store } = context;
    const message = testMessage("body", '{"type":"t"}', new Route("amq.topic", "schlüssel.#"));
    message.persistent = true;
    message.priority = 7;
    message.expirationMs = 60_000;
    message.publishedAtMs = 1_767_225_600_123;
    message.extraKeys = ["cc.one", "çç"];
    const lsn = store.engine.append([1], message);
    for (const flushed of [false, true]) {
      if (flushed) await store.commit(lsn);
      const [read] = await store.engine.read([lsn]);
      expect(read).toMatchObject({ persistent: true, priority: 7, expirationMs: 60_000, lsn, owned: true });
      expect(read?.publishedAtMs).toBe(1_767_225_600_123);
      expect(read?.extraKeys).toEqual(["cc.one", "çç"]);
      expect(read?.route).toMatchObject({ exchange: "amq.topic", routingKey: "schlüssel.#" });
      expect(read?.properties).toEqual({ type: "t" });
      expect(Buffer.from(read?.body ?? []).toString()).toBe("body");
    }
  });

  test("facts that were not set stay unset, and empty bodies empty", async () => {
    const { store } = context;
    const lsn = store.engine.append([1], testMessage("", "", new Route("", "")));
    await store.commit(lsn);
    const [read] = await store.engine.read([lsn]);
    expect(read).toMatchObject({ persistent: false, priority: 0, expirationMs: -1, publishedAtMs: 0, bodyBytes: 0 });
    expect(read?.extraKeys).toEqual([]);
    expect(read?.route).toMatchObject({ exchange: "", routingKey: "" });
  });

  test("the bytes are copied before append returns", async () => {
    const { store } = context;
    const message = testMessage("body", "{}");
    const chunk = message.bytes;
    const lsn = store.engine.append([1], message);
    chunk.fill(0);
    const [read] = await store.engine.read([lsn]);
    expect(Buffer.from(read?.body ?? []).toString()).toBe("body");
  });

  test("messages come in the order asked for, pending and stored ones mixed", async () => {
    const { store } = context;
    const lsns: number[] = [];
    for (let index = 0; index < 300; index++) {
      lsns.push(store.engine.append([1 + (index % 3)], testMessage(`body ${index}`)));
      if (index === 99) await store.commit(lsns[99] as number);
      if (index === 199) store.engine.flush();
    }
    const order = lsns.map((_, index) => (index * 7919) % 300);
    const read = await store.engine.read(order.map((index) => lsns[index] as number));
    expect(read.map((message) => Buffer.from(message.body).toString())).toEqual(order.map((index) => `body ${index}`));
    expect(read.map((message) => message.lsn)).toEqual(order.map((index) => lsns[index]));
  });

  test("large bodies come back whole", async () => {
    const { store } = context;
    const bodies = [1 << 20, 5_000_000, 100].map((bytes, index) => Buffer.alloc(bytes, index + 1));
    const lsns = bodies.map((body) => store.engine.append([1], testMessage(body)));
    await store.commit(lsns.at(-1) as number);
    const read = await store.engine.read(lsns);
    for (const [index, body] of bodies.entries()) expect(body.equals(read[index]?.body ?? Buffer.alloc(0))).toBe(true);
  });

  test("a message can be read until every queue has settled it", async () => {
    const { store } = context;
    const lsn = store.engine.append([1, 2], testMessage("a"));
    store.engine.settle(1, lsn);
    expect(await store.engine.read([lsn])).toHaveLength(1);
    await store.commit(store.engine.settle(2, lsn));
    await expect(store.engine.read([lsn])).rejects.toThrow(String(lsn));
  });

  test("a read that is under way survives the settling of its messages", async () => {
    const { store } = context;
    const lsn = store.engine.append([1], testMessage("a"));
    await store.commit(lsn);
    const reading = store.engine.read([lsn]);
    store.engine.settle(1, lsn);
    store.engine.flush();
    expect(Buffer.from((await reading)[0]?.body ?? []).toString()).toBe("a");
  });

  test("the same route gives the same Route object", async () => {
    const { store } = context;
    const lsns = ["a", "b"].map((body) => store.engine.append([1], testMessage(body, "", sharedRoute)));
    await store.commit(lsns[1] as number);
    const read = await store.engine.read(lsns);
    expect(read[0]?.route).toBe(read[1]?.route);
  });
}

const sharedRoute = new Route("amq.direct", "shared");

/** What outlives the process; an engine that is not persistent forgets all of it. */
function restarting(context: Context): void {
  const kept = (value: readonly unknown[]): readonly unknown[] => (context.store.engine.persistent ? value : []);

  test("unsettled messages come back in order, with their queues and facts", async () => {
    const { engine } = context.store;
    const lsns: number[] = [];
    for (let index = 0; index < 50; index++) {
      const message = testMessage(`body ${index}`, "{}");
      message.priority = index % 10;
      message.publishedAtMs = 1000 + index;
      message.expirationMs = index % 2 === 0 ? -1 : index;
      lsns.push(engine.append(index % 5 === 0 ? [1, 2, 3] : [1], message));
    }
    for (let index = 0; index < 50; index += 2) engine.settle(1, lsns[index] as number);
    const expected = lsns
      .map((lsn, index) => ({
        lsn,
        queueIds: [1, 2, 3].slice(index % 2 === 0 ? 1 : 0, index % 5 === 0 ? 3 : 1),
        sizeBytes: `body ${index}{}`.length,
        priority: index % 10,
        expirationMs: index % 2 === 0 ? -1 : index,
        publishedAtMs: 1000 + index,
      }))
      .filter((message) => message.queueIds.length > 0);
    const { messages, engine: reopened } = await context.reopen();
    expect(messages).toEqual(kept(expected));
    const bodies = (await reopened.read(messages.map((message) => message.lsn))).map((read) =>
      String(Buffer.from(read.body)),
    );
    expect(bodies).toEqual(kept(expected.map((message) => `body ${lsns.indexOf(message.lsn)}`)));
  });

  test("messages settled by all their queues do not come back", async () => {
    const { store } = context;
    const many = Array.from({ length: 40 }, (_, index) => index + 1);
    const wide = store.engine.append(many, testMessage("wide"));
    const left = store.engine.append(many, testMessage("left"));
    await store.commit(left);
    for (const queueId of many) store.engine.settle(queueId, wide);
    for (const queueId of many.slice(1)) store.engine.settle(queueId, left);
    const { messages } = await context.reopen();
    expect(messages.map(({ lsn, queueIds }) => ({ lsn, queueIds }))).toEqual(kept([{ lsn: left, queueIds: [1] }]));
  });

  test("a settled message stays settled over further restarts", async () => {
    const lsn = context.store.engine.append([1], testMessage("a"));
    await context.store.commit(lsn);
    await context.reopen();
    context.store.engine.settle(1, lsn);
    await context.reopen();
    expect((await context.reopen()).messages).toEqual([]);
  });

  test("definitions come back as they were set last, before any message", async () => {
    const { engine } = context.store;
    engine.append([1], testMessage("a"));
    engine.put("kept", Buffer.from("1"));
    engine.put("changed", Buffer.from("1"));
    engine.put("removed", Buffer.from("1"));
    engine.put("schlüssel\0\n", Uint8Array.of(0, 255, 254));
    engine.put("empty", new Uint8Array(0));
    await context.reopen();
    context.store.engine.put("changed", Buffer.from("2"));
    context.store.engine.put("removed", null);
    const { definitions, recoveryOrder } = await context.reopen();
    const expected: [string, Buffer][] = [
      ["changed", Buffer.from("2")],
      ["empty", Buffer.alloc(0)],
      ["kept", Buffer.from("1")],
      ["schlüssel\0\n", Buffer.of(0, 255, 254)],
    ];
    expect([...definitions].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual(kept(expected));
    expect(recoveryOrder).toEqual(kept(["definition", "message"]));
  });

  test("a removed definition can be set again", async () => {
    const { engine } = context.store;
    engine.put("key", Buffer.from("1"));
    engine.put("key", null);
    engine.put("key", Buffer.from("2"));
    const { definitions } = await context.reopen();
    expect([...definitions.values()].map(String)).toEqual(kept(["2"]));
  });

  test("Lsns go on growing", async () => {
    if (!context.store.engine.persistent) return;
    let highest = context.store.engine.append([1], testMessage("a"));
    context.store.engine.settle(1, highest);
    for (let restart = 0; restart < 3; restart++) {
      await context.reopen();
      expect(context.store.engine.durable).toBeGreaterThanOrEqual(highest);
      const next = context.store.engine.append([1], testMessage("b"));
      expect(next).toBeGreaterThan(highest);
      highest = next;
    }
  });

  test("what a group wrote is there together", async () => {
    const { engine } = context.store;
    const settled = engine.append([1], testMessage("a"));
    engine.atomic(() => {
      engine.settle(1, settled);
      for (let index = 0; index < 20; index++) engine.append([1], testMessage(Buffer.alloc(100_000, index)));
      engine.put("key", Buffer.from("value"));
    });
    const { messages, definitions } = await context.reopen();
    expect(messages).toHaveLength(context.store.engine.persistent ? 20 : 0);
    expect([...definitions.keys()]).toEqual(kept(["key"]));
  });

  test("closing commits what was not flushed", async () => {
    const lsn = context.store.engine.append([1], testMessage("a"));
    expect((await context.reopen()).messages.map((message) => message.lsn)).toEqual(kept([lsn]));
  });
}
