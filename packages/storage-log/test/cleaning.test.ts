import { FakeClock, FaultyDisk, OpenedStorage, testMessage } from "@jackalope/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import { openLogStorage } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

const segmentBytes = 1000;

let disk: FaultyDisk;
let store: OpenedStorage;

async function open(): Promise<OpenedStorage> {
  const options = { directory: "/data", files: disk.process(), segmentBytes, clock: new FakeClock() };
  return OpenedStorage.open(openLogStorage(options));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Appends and commits a message for queue 1 with a body of `bytes`. */
async function append(bytes: number, queueIds: number[] = [1]): Promise<number> {
  const lsn = store.engine.append(queueIds, testMessage("x".repeat(bytes)));
  await store.commit(lsn);
  return lsn;
}

async function settle(lsn: number, queueId: number = 1): Promise<void> {
  await store.commit(store.engine.settle(queueId, lsn));
}

/** Ends the current segment: what comes next is in another one. The message that does it is settled there. */
async function fillSegment(): Promise<void> {
  await settle(await append(segmentBytes));
}

/** Lets the cleaner come to rest. */
async function rest(): Promise<void> {
  for (let before = -1; before !== disk.operations; ) {
    before = disk.operations;
    await turns(30);
  }
}

async function stateAfterCrash(): Promise<string> {
  disk.crash("none", () => 0.5);
  store = await open();
  return (await recoveredState(store)).state;
}

beforeEach(async () => {
  disk = new FaultyDisk();
  store = await open();
});

describe("segments go", () => {
  test("when everything in them is settled", async () => {
    const lsns = [];
    for (let index = 0; index < 20; index++) lsns.push(await append(500));
    expect(store.engine.statistics().segments).toBeGreaterThan(8);
    for (const lsn of lsns) await settle(lsn);
    await rest();
    expect(store.engine.statistics().segments).toBeLessThanOrEqual(3);
    expect(await stateAfterCrash()).toBe("");
  });

  test("not before the settles of messages in older segments are elsewhere", async () => {
    const kept = await append(100);
    const settled = await append(100);
    await fillSegment();
    await settle(settled);
    for (let index = 0; index < 12; index++) await fillSegment();
    await rest();
    expect(await stateAfterCrash()).toBe(`${kept} [1] ${"x".repeat(100)}`);
  });

  test("not before a removal has outlived all that it removes", async () => {
    store.engine.put("key", Buffer.from("1"));
    const kept = await append(100);
    await fillSegment();
    await store.commit(store.engine.put("key", null));
    for (let index = 0; index < 12; index++) await fillSegment();
    await rest();
    expect(await stateAfterCrash()).toBe(`${kept} [1] ${"x".repeat(100)}`);
  });

  test("not on the word of a write that is not durable", async () => {
    for (let deathAt = 1; deathAt < 15; deathAt++) {
      disk = new FaultyDisk();
      store = await open();
      await store.commit(store.engine.put("key", Buffer.from("old")));
      await fillSegment();
      await fillSegment();
      await rest();
      store.engine.append([1], testMessage("a"));
      disk.dieAt(disk.operations + deathAt, "after", () => {});
      store.engine.flush();
      store.engine.put("key", Buffer.from("new"));
      for (let turn = 0; turn < 50 && !disk.died; turn++) await turns(1);
      expect(await stateAfterCrash()).toMatch(/^key=(old|new)/);
    }
  });

  test("each for good before the next: a directory that forgets a removal brings nothing back", async () => {
    for (let deathAt = 1; deathAt <= 10; deathAt++) {
      for (const forgotten of [0, 1, 2]) {
        disk = new FaultyDisk();
        store = await open();
        disk.fail("remove", "EIO", 1000);
        const settled = await append(400);
        await fillSegment();
        await settle(settled);
        await fillSegment();
        await fillSegment();
        disk.crash("all", () => 0);
        // Now several segments wait to be removed, and the machine stops while it is at it.
        disk.dieAt(deathAt, "after", () => {});
        void open();
        for (let turn = 0; turn < 100 && !disk.died; turn++) await turns(1);
        let change = 0;
        disk.crash("sectors", () => (change++ === forgotten ? 0 : 0.9));
        store = await open();
        expect(store.messages).toEqual([]);
      }
    }
  });
});

/** Ten segments with a definition and one message for queues 1 and 2 each, and much garbage; cleaning begins. */
async function scatter(): Promise<number[]> {
  const lsns: number[] = [];
  for (let index = 0; index < 10; index++) {
    // Settled in its own batch, so what follows is moved to where it was.
    store.engine.settle(9, store.engine.append([9], testMessage("gone")));
    store.engine.put(`key ${index}`, Buffer.from("1"));
    lsns.push(await append(20, [1, 2]));
    await fillSegment();
  }
  await rest();
  return lsns;
}

describe("cleaning", () => {
  test("gathers what lives, with its identity, queues and order", async () => {
    const lsns = await scatter();
    for (const lsn of lsns) await settle(lsn, lsn % 2 === 0 ? 1 : 2);
    for (let index = 0; index < 10; index++) await fillSegment();
    await rest();
    const { segments, storedBytes } = store.engine.statistics();
    expect(segments).toBeLessThanOrEqual(6);
    expect(storedBytes).toBeLessThan(8 * segmentBytes);
    const read = await store.engine.read(lsns);
    expect(read.map((message) => message.lsn)).toEqual(lsns);
    const expected = [
      ...lsns.map((_, index) => `key ${index}=1`),
      ...lsns.map((lsn) => `${lsn} [${lsn % 2 === 0 ? 2 : 1}] ${"x".repeat(20)}`),
    ];
    expect(await stateAfterCrash()).toBe(expected.join("\n"));
  });

  test("leaves one mark for neighbours that are gone, and none without an older segment", async () => {
    const kept = await append(segmentBytes);
    const settled: number[] = [];
    for (let index = 0; index < 6; index++) settled.push(await append(segmentBytes));
    const last = await append(20);
    for (const lsn of [settled[0], settled[2], settled[1], settled[4], settled[5], settled[3]]) {
      await settle(lsn as number);
    }
    for (let index = 0; index < 4; index++) await fillSegment();
    await rest();
    const marks = (): string[] => disk.paths().filter((path) => path.endsWith(".gone"));
    expect(marks()).toHaveLength(1);
    expect(marks()[0]).toContain("0000000002-");
    disk.crash("none", () => 0.5);
    store = await open();
    expect(store.messages.map((message) => message.lsn)).toEqual([kept, last]);
    await settle(kept);
    await settle(last);
    for (let index = 0; index < 4; index++) await fillSegment();
    await rest();
    expect(marks()).toEqual([]);
    expect(await stateAfterCrash()).toBe("");
  });

  test("what is settled or removed after it was copied stays so", async () => {
    const lsns = await scatter();
    const paths = disk.paths();
    for (const [index, lsn] of lsns.slice(1).entries()) {
      await settle(lsn, 1);
      await settle(lsn, 2);
      await store.commit(store.engine.put(`key ${index + 1}`, null));
    }
    for (let index = 0; index < 12; index++) await fillSegment();
    await rest();
    expect(disk.paths()).not.toEqual(paths);
    expect(await stateAfterCrash()).toBe(`key 0=1\n${lsns[0]} [1,2] ${"x".repeat(20)}`);
  });

  test("a message that is settled while it is copied stays settled, whatever the moment", async () => {
    for (let turn = 0; turn < 60; turn++) {
      disk = new FaultyDisk();
      store = await open();
      const lsns: number[] = [];
      for (let index = 0; index < 4; index++) {
        lsns.push(store.engine.append([1], testMessage("x")));
        store.engine.append([2], testMessage("y".repeat(segmentBytes)));
      }
      const garbage = store.engine.append([1], testMessage("x"));
      await store.commit(garbage);
      for (let lsn = 2; lsn < garbage; lsn += 2) store.engine.settle(2, lsn);
      store.engine.flush();
      // Cleaning begins with that commit; the settles come somewhere on its way.
      for (let step = 0; step < turn; step++) {
        store.engine.put("key", Buffer.from("0"));
        store.engine.flush();
        await turns(1);
      }
      lsns.push(garbage);
      for (const lsn of lsns) store.engine.settle(1, lsn);
      const last = store.engine.put("key", Buffer.from("1"));
      store.engine.flush();
      while (store.engine.durable < last) await turns(1);
      expect(await stateAfterCrash()).toBe("key=1");
    }
  });

  test("keeps garbage bounded while a backlog stays and traffic passes by", async () => {
    const backlog: number[] = [];
    for (let index = 0; index < 40; index++) backlog.push(await append(200, index % 2 === 0 ? [1] : [1, 2]));
    for (let round = 0; round < 200; round++) {
      const lsns = [await append(150, [3]), await append(150, [3])];
      if (round < 20) await settle(backlog[round * 2] as number);
      if (round % 10 === 0) store.engine.put("key", Buffer.from(`${round}`));
      for (const lsn of lsns) await settle(lsn, 3);
    }
    await rest();
    const live = 20 * 280;
    expect(store.engine.statistics().storedBytes).toBeLessThan(2 * live + 5 * segmentBytes);
    expect(store.engine.statistics().writtenBytes).toBeLessThan(6 * 500 * 300);
    const expected = backlog.filter((_, index) => index % 2 === 1).map((lsn) => `${lsn} [1,2] ${"x".repeat(200)}`);
    expect(await stateAfterCrash()).toBe(["key=190", ...expected].join("\n"));
  });

  test("a damaged segment is kept and reported, the others are cleaned", async () => {
    const lsns: number[] = [];
    lsns.push(await append(20));
    await fillSegment();
    disk.file(disk.paths()[0] as string).damage(120, 1);
    for (let index = 0; index < 10; index++) {
      lsns.push(await append(20));
      await fillSegment();
    }
    await rest();
    expect(disk.paths()[0]).toContain("0000000001.log");
    expect(store.engine.statistics().segments).toBeLessThan(9);
    await expect(store.engine.read(lsns.slice(0, 1))).rejects.toThrow("0000000001.log");
    expect(await store.engine.read(lsns.slice(1))).toHaveLength(10);
  });
});
