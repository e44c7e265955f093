import { expect, test } from "vitest";
import { testMessage } from "../test-format.ts";
import type { ConformanceContext } from "./conformance-context.ts";

/** append, settle, put and atomic while the engine is open. */
export function writing(context: ConformanceContext): void {
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
