import { expect, test } from "vitest";
import { testMessage } from "../test-format.ts";
import type { ConformanceContext } from "./conformance-context.ts";

/** What outlives the process; an engine that is not persistent forgets all of it. */
export function restarting(context: ConformanceContext): void {
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
        bodyBytes: `body ${index}`.length,
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
}

/** Definitions, groups and Lsns over a restart. */
export function restartingDefinitions(context: ConformanceContext): void {
  const kept = (value: readonly unknown[]): readonly unknown[] => (context.store.engine.persistent ? value : []);

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
