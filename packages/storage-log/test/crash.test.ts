import { type DeathMoment, FakeClock, FaultyDisk, OpenedStorage, type Survival } from "@jackalope/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openLogStorage } from "../src/index.ts";
import { LogModel, recoveredState, type Step } from "./log-model.ts";

type Action =
  | Step
  | { kind: "fault"; operation: "write" | "sync"; code: string; times: number }
  | { kind: "flush" }
  | { kind: "turns"; count: number }
  | { kind: "commit" };

const survivals: (Survival | "process")[] = ["process", "none", "all", "first", "sectors"];

const seeds = 60;

/** Numbers from 0 up to 1 that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    state ^= state >>> 13;
    return (state >>> 0) / 2 ** 32;
  };
}

function open(disk: FaultyDisk, segmentBytes: number, clock: FakeClock): Promise<OpenedStorage> {
  return OpenedStorage.open(openLogStorage({ directory: "/data", files: disk.process(), segmentBytes, clock }));
}

/** As `open`; where the disk is to die meanwhile, the machine starts again and again until the log is open. */
async function reopen(
  disk: FaultyDisk,
  segmentBytes: number,
  clock: FakeClock,
  random: () => number,
): Promise<OpenedStorage> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const died = new Promise<null>((resolve) => {
      disk.dieAt(1 + Math.floor(random() * 6), "partly", () => resolve(null));
    });
    const opened = await Promise.race([died, open(disk, segmentBytes, clock)]);
    if (opened !== null && !disk.died) return opened;
    disk.crash(survivals[Math.floor(random() * survivals.length)] as Survival, random);
  }
  return open(disk, segmentBytes, clock);
}

/** Runs the actions until the disk dies or they end. Time passes quickly, so that a failing disk is tried again. */
async function live(
  opened: OpenedStorage,
  model: LogModel,
  actions: readonly Action[],
  disk: FaultyDisk,
  clock: FakeClock,
): Promise<void> {
  const turn = (): Promise<void> => {
    clock.advance(20);
    return new Promise((resolve) => setImmediate(resolve));
  };
  for (const action of actions) {
    if (disk.died) return;
    if (action.kind === "flush") opened.engine.flush();
    else if (action.kind === "fault") disk.fail(action.operation, action.code, action.times);
    else if (action.kind === "turns") for (let count = 0; count < action.count; count++) await turn();
    else if (action.kind === "commit") {
      opened.engine.flush();
      const { lsn } = model.history.at(-1) as { lsn: number };
      while (opened.engine.durable < lsn && !disk.died) await turn();
    } else model.run(opened.engine, action);
  }
}

/** What came back is the state after some step, none that was durable is missing, and no group is cut. */
async function expectSurvived(opened: OpenedStorage, model: LogModel, durable: number): Promise<void> {
  const { state, bodies } = await recoveredState(opened);
  const last = model.history.findLastIndex((step) => step.lsn <= durable);
  const possible = model.history.slice(last).map((step) => step.state);
  if (!possible.includes(state)) expect(state).toBe(possible.join("\n--- or ---\n"));
  model.restarted(opened, bodies);
}

const queueIds = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const simpleStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("append" as const), queueIds, bytes: fc.integer({ min: 1, max: 120 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      queueId: fc.integer({ min: 1, max: 4 }),
      pick: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.nat(100)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key: fc.constantFrom("a", "b", "c"),
      value: fc.option(fc.string({ maxLength: 5, unit: "grapheme-ascii" })),
    }),
  },
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 16, arbitrary: simpleStep },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("atomic" as const), steps: fc.array(simpleStep, { maxLength: 5 }) }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: "commit" as const }) },
);
const lifeOf = fc.record({
  actions: fc.array(action, { minLength: 5, maxLength: 120 }),
  deathAt: fc.integer({ min: 1, max: 150 }),
  moment: fc.constantFrom<DeathMoment>("before", "partly", "after"),
  survival: fc.constantFrom(...survivals),
  seed: fc.integer(),
  clean: fc.boolean(),
});

describe("the log on a disk that dies", () => {
  test("what was durable survives any number of crashes, nothing is invented, groups stay whole", {
    timeout: 80_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lifeOf, { minLength: 2, maxLength: 5 }),
        fc.constantFrom(300, 700, 5000),
        async (lives, segmentBytes) => {
          const disk = new FaultyDisk();
          const clock = new FakeClock();
          let opened = await open(disk, segmentBytes, clock);
          const model = new LogModel(0);
          for (const life of lives) {
            if (!life.clean) disk.dieAt(disk.operations + life.deathAt, life.moment, () => {});
            await live(opened, model, life.actions, disk, clock);
            const { durable } = opened.engine;
            const closed = life.clean && !disk.died;
            if (closed) await opened.engine.close();
            disk.crash(life.survival, randomFrom(life.seed));
            opened = await open(disk, segmentBytes, clock);
            await expectSurvived(opened, model, closed ? Number.POSITIVE_INFINITY : durable);
          }
          await opened.engine.close();
        },
      ),
      { numRuns: 500, interruptAfterTimeLimit: 60_000 },
    );
  });

  test("long lives with much cleaning survive crashes", { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomFrom(seed * 7919);
      const disk = new FaultyDisk();
      const clock = new FakeClock();
      const segmentBytes = [200, 500, 1200][seed % 3] as number;
      let opened = await open(disk, segmentBytes, clock);
      const model = new LogModel(0);
      for (let life = 0; life < 4; life++) {
        disk.dieAt(disk.operations + 1 + Math.floor(random() * 300), "partly", () => {});
        await live(opened, model, longLife(random), disk, clock);
        const { durable } = opened.engine;
        disk.crash(survivals[Math.floor(random() * survivals.length)] as Survival, random);
        opened = await reopen(disk, segmentBytes, clock, random);
        await expectSurvived(opened, model, durable);
      }
    }
  });

  test("a confirmed message survives a crash at any write, through segment changes and cleaning", {
    timeout: 60_000,
  }, async () => {
    const actions = script();
    for (const moment of ["before", "partly", "after"] as const) {
      for (const survival of survivals) {
        let deathAt = 1;
        for (let died = true; died; deathAt += 1) {
          const disk = new FaultyDisk();
          const clock = new FakeClock();
          const opened = await open(disk, 600, clock);
          const model = new LogModel(0);
          disk.dieAt(disk.operations + deathAt, moment, () => {});
          await live(opened, model, actions, disk, clock);
          died = disk.died;
          const { durable } = opened.engine;
          disk.crash(survival, randomFrom(deathAt));
          const reopened = await open(disk, 600, clock);
          await expectSurvived(reopened, model, durable);
        }
        expect(deathAt).toBeGreaterThan(40);
      }
    }
  });
});

/** Long lives with much cleaning: most messages go soon, some stay, definitions come and go. */
function longLife(random: () => number): Action[] {
  const upTo = (bound: number): number => Math.floor(random() * bound);
  const actions: Action[] = [];
  for (let step = 0; step < 150; step++) {
    const choice = random();
    if (choice < 0.3) {
      actions.push({
        kind: "append",
        queueIds: [[1], [1], [2], [1, 2], [1, 2, 3]][upTo(5)] as number[],
        bytes: 1 + upTo(80),
      });
    } else if (choice < 0.62) actions.push({ kind: "settle", queueId: 1 + upTo(3), pick: upTo(6) });
    else if (choice < 0.67) actions.push({ kind: "settle", queueId: 1 + upTo(3), pick: upTo(400) });
    else if (choice < 0.78) {
      const key = "abcdef"[upTo(6)] as string;
      actions.push({ kind: "put", key, value: random() < 0.4 ? null : `${upTo(100)}` });
    } else if (choice < 0.88) actions.push({ kind: "commit" });
    else if (choice < 0.97) actions.push({ kind: "flush" }, { kind: "turns", count: upTo(4) });
    else if (choice < 0.99) actions.push({ kind: "turns", count: 1 + upTo(20) });
    else {
      const operation = random() < 0.5 ? "write" : "sync";
      actions.push({ kind: "fault", operation, code: random() < 0.3 ? "EMFILE" : "EIO", times: 1 + upTo(3) });
    }
  }
  return actions;
}

/** A backlog that stays, traffic that passes by it, definitions that change: segments come, are cleaned and go. */
function script(): Action[] {
  const actions: Action[] = [{ kind: "put", key: "kept", value: "1" }];
  for (let round = 0; round < 12; round++) {
    actions.push({ kind: "append", queueIds: round % 3 === 0 ? [1, 2] : [2], bytes: 60 });
    if (round % 4 === 0) actions.push({ kind: "append", queueIds: [3], bytes: 10 });
    if (round > 1) actions.push({ kind: "settle", queueId: 2, pick: 2 }, { kind: "settle", queueId: 2, pick: 3 });
    actions.push({ kind: "put", key: "changing", value: round % 5 === 4 ? null : `${round}` });
    actions.push({ kind: "commit" }, { kind: "turns", count: 3 });
  }
  return actions;
}
