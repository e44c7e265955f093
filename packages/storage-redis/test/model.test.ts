import { OpenedStorage } from "@jackalope/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedisStorage } from "../src/index.ts";
import { type Call, EngineModel, recoveredText } from "./fixture/engine-model.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";

type Event =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "flush" | "commit" | "cut" | "forget" | "restart" }
  | { readonly kind: "turns"; readonly count: number }
  | { readonly kind: "cutAfter"; readonly bytes: number }
  | { readonly kind: "loseAnswers"; readonly turns: number };

const queueId = fc.integer({ min: 1, max: 4 });
const queueIds = fc.uniqueArray(queueId, { minLength: 1, maxLength: 4 });
/** Small messages go through the script, large ones past it. */
const bytes = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 10_000, max: 40_000 }) },
);
const single = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("append" as const), queueIds, bytes }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant("settle" as const), queueId, back: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key: fc.constantFrom("a", "b", "ü"),
      value: fc.option(fc.string({ maxLength: 5 })),
    }),
  },
);
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 9, arbitrary: single },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("group" as const), calls: fc.array(single, { maxLength: 6 }) }),
  },
);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ kind: fc.constant("call" as const), call }) },
  { weight: 9, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.constant({ kind: "commit" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "cut" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("cutAfter" as const), bytes: fc.integer({ min: 1, max: 50_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("loseAnswers" as const), turns: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "forget" as const }) },
);
const life = fc.record({
  events: fc.array(event, { minLength: 10, maxLength: 120 }),
  /** How the broker ends: as it should, or without another word. */
  clean: fc.boolean(),
  redis: fc.constantFrom("stays" as const, "stays" as const, "stays" as const, "restarts" as const),
});

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "no"]);
});
afterAll(() => server.discard());

/** Runs one life of a broker. Returns what it knew to be durable at its end. */
async function live(
  store: OpenedStorage,
  proxy: TcpProxy,
  model: EngineModel,
  events: readonly Event[],
): Promise<void> {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (const event of events) {
    if (event.kind === "call") model.call(store.engine, event.call);
    else if (event.kind === "flush") store.engine.flush();
    else if (event.kind === "turns") for (let count = 0; count < event.count; count++) await turn();
    else if (event.kind === "commit") await store.commit(model.lastLsn);
    else if (event.kind === "cut") proxy.cut();
    else if (event.kind === "cutAfter") proxy.cutAfter(event.bytes);
    else if (event.kind === "forget") await server.admin.script("FLUSH");
    else if (event.kind === "loseAnswers") {
      proxy.holdAnswers();
      store.engine.flush();
      for (let count = 0; count < event.turns; count++) await turn();
      proxy.cut();
      proxy.release();
    }
  }
}

test("what was durable survives cuts, lost answers, and restarts of broker and Redis; groups stay whole", {
  timeout: 60_000,
}, async () => {
  let clusters = 0;
  const ends: Promise<unknown>[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 2, maxLength: 4 }), async (lives) => {
      const cluster = `model-${++clusters}`;
      const model = new EngineModel();
      const lease = `jackalope:{${cluster}:0}:lease`;
      for (const { events, clean, redis } of lives) {
        const proxy = await TcpProxy.start(server.port);
        const engine = openRedisStorage({ address: proxy.address, cluster, garbageBytesMax: 0 });
        const store = await OpenedStorage.open(engine);
        await model.continueFrom(store);
        await live(store, proxy, model, events);
        let { durable } = store.engine;
        if (clean) {
          await store.engine.close();
          durable = Number.POSITIVE_INFINITY;
        }
        proxy.refusing = true;
        proxy.cut();
        if (!clean) ends.push(store.engine.close().catch(() => undefined));
        ends.push(proxy.close());
        if (redis === "restarts") {
          await server.kill();
          await server.run();
        }
        await server.admin.del(lease);
        const next = await OpenedStorage.open(openRedisStorage({ address: server.address, cluster }));
        const [found, possible] = [await recoveredText(next), model.possible(durable)];
        if (!possible.includes(found)) expect(found).toBe(possible.join("\n--- or ---\n"));
        await model.continueFrom(next);
        await next.engine.close();
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 20_000 },
  );
  await Promise.all(ends);
});
