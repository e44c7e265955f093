import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock, OpenedStorage, testMessage, until } from "@jackalope/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLogStorage } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

let parent: string;
let directory: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "jackalope-presence-"));
  directory = join(parent, "data");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

async function start(clock: FakeClock): Promise<OpenedStorage> {
  const store = await OpenedStorage.open(openLogStorage({ directory, clock }));
  await store.commit(store.engine.append([1], testMessage("before")));
  return store;
}

/** Advances the clock until the watch has looked and `condition` holds. */
async function lookUntil(clock: FakeClock, condition: () => boolean): Promise<void> {
  await until(() => {
    clock.advance(100);
    return condition();
  });
}

describe("a data folder that vanishes under the log", () => {
  test.each([
    ["the folder", () => rm(directory, { recursive: true })],
    ["the segments", () => rm(join(directory, "segments"), { recursive: true })],
    [
      "the folder, with an empty one in its place",
      async () => {
        await rm(directory, { recursive: true });
        await mkdir(join(directory, "segments"), { recursive: true });
      },
    ],
  ])("%s: the failure is told, and nothing is called durable any more", async (_, remove) => {
    const clock = new FakeClock();
    const store = await start(clock);
    await remove();
    await lookUntil(clock, () => store.failures.length > 0);
    expect(store.failures[0]?.message).toContain("0000000001.log is gone: somebody removed it, or its folder");
    const before = store.engine.durable;
    const lsn = store.engine.append([1], testMessage("after"));
    store.engine.flush();
    for (let round = 0; round < 20; round++) {
      clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(lsn).toBeGreaterThan(before);
    expect(store.engine.durable).toBe(before);
    await expect(store.engine.close()).rejects.toThrow("is gone");
  });

  test("goes on when it is back, with what came meanwhile", async () => {
    const clock = new FakeClock();
    const store = await start(clock);
    await rename(directory, join(parent, "away"));
    await lookUntil(clock, () => store.failures.length > 0);
    const lsn = store.engine.append([1], testMessage("meanwhile"));
    store.engine.flush();
    await rename(join(parent, "away"), directory);
    await lookUntil(clock, () => store.engine.durable >= lsn && store.recoveries > 0);
    await store.engine.close();
    const again = await OpenedStorage.open(openLogStorage({ directory, clock: new FakeClock() }));
    expect((await recoveredState(again)).bodies).toEqual(["before", "meanwhile"]);
    await again.engine.close();
  });

  test("is told where nothing is written, and so is its coming back", async () => {
    const clock = new FakeClock();
    const store = await start(clock);
    await rename(directory, join(parent, "away"));
    await lookUntil(clock, () => store.failures.length > 0);
    await rename(join(parent, "away"), directory);
    await lookUntil(clock, () => store.recoveries > 0);
    await store.engine.close();
  });
});
