import { Route } from "@jackalope/core/storage";
import { expect, test } from "vitest";
import { testMessage } from "../test-format.ts";
import type { ConformanceContext } from "./conformance-context.ts";

const sharedRoute = new Route("amq.direct", "shared");

/** Single messages read back with all that belongs to them. */
export function reading(context: ConformanceContext): void {
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
}

/** Many messages, and messages that go meanwhile. */
export function readingMany(context: ConformanceContext): void {
  test("one message appended twice is two", async () => {
    const { store } = context;
    const message = testMessage("a");
    const lsns = [store.engine.append([1], message), store.engine.append([2], message)];
    await store.commit(lsns[1] as number);
    expect((await store.engine.read(lsns)).map((read) => read.lsn)).toEqual(lsns);
    store.engine.settle(1, lsns[0] as number);
    expect(await store.engine.read(lsns.slice(1))).toHaveLength(1);
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
