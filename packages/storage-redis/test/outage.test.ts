import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LeaseLostError, RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

let server: RedisServer;
let proxy: TcpProxy;
let clusters = 0;
let options: RedisStorageOptions;
let lost: LeaseLostError[];

beforeAll(async () => {
  server = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "always"]);
  proxy = await TcpProxy.start(server.port);
});
afterAll(async () => {
  await proxy.close();
  await server.discard();
});
beforeEach(() => {
  proxy.release();
  lost = [];
  const onLeaseLost = (error: LeaseLostError): void => void lost.push(error);
  options = { address: proxy.address, cluster: `outage-${++clusters}`, answerTimeoutMs: 1000, onLeaseLost };
});
afterEach(() => expect(lost).toEqual([]));

describe("Redis that goes away and comes back", () => {
  test.each(["SIGKILL", "SIGTERM"] as const)("with %s under load loses and doubles nothing", async (signal) => {
    const store = await open(options);
    let appended = 0;
    let settled = 0;
    const lsns: number[] = [];
    const readOutcomes = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const killed = (async () => {
        await until("some commits", () => store.engine.durable > appended / 2);
        await server.kill(signal);
        await server.run();
      })();
      for (let turn = 0; turn < 40; turn++) {
        for (let index = 0; index < 25; index++) lsns.push(appendNumbers(store, [1], appended++, 1));
        // What was confirmed is acknowledged, all but every tenth.
        for (; settled < lsns.length && (lsns[settled] as number) <= store.engine.durable; settled++) {
          if (settled % 10 !== 0) store.engine.settle(1, lsns[settled] as number);
        }
        store.engine.flush();
        // Of an entry that is there until the end, whether Redis answers or not.
        store.engine.read([lsns[0] as number]).then(
          () => readOutcomes.add("read"),
          () => readOutcomes.add("refused"),
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await killed;
      await until("it goes on", () => store.engine.durable >= (lsns.at(-1) as number));
    }
    expect(store.failures.length).toBeGreaterThanOrEqual(4);
    expect([...readOutcomes].sort()).toEqual(["read", "refused"]);
    // Where everything was durable before Redis went, the engine may be on its way back still.
    await store.until(() => store.recoveries === store.failures.length);
    await store.engine.close();
    const expected = numbers(0, appended).filter((number) => number % 10 === 0 || number >= settled);
    expect(await storedNumbers(options, 1)).toEqual(expected);
  });

  test("nothing is durable while it is away, the bound on what is not counts, and reads fail until it is back", async () => {
    const store = await open(options);
    const first = appendNumbers(store, [1], 0, 3);
    await store.commit(first);
    await server.kill();
    const second = appendNumbers(store, [1], 3, 3);
    store.engine.flush();
    await store.until(() => store.failures.length > 0);
    expect(store.engine.durable).toBe(first);
    expect(store.engine.pendingBytes).toBe(3);
    await expect(store.engine.read([first])).rejects.toThrow();
    expect(await store.engine.read([second])).toHaveLength(1);
    await server.run();
    await store.until(() => store.engine.durable >= second);
    expect(store.engine.pendingBytes).toBe(0);
    expect(store.failures).toHaveLength(1);
    expect(store.recoveries).toBe(1);
    expect((await store.engine.read([first, second])).map(({ lsn }) => lsn)).toEqual([first, second]);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 6));
  });

  test("a broker that is idle meanwhile says so, and that it is over", async () => {
    const store = await open(options);
    await server.kill();
    await store.until(() => store.failures.length === 1);
    await server.run();
    await store.until(() => store.recoveries === 1);
    await store.engine.close();
  });

  test("LOADING is waited for", async () => {
    // A millisecond for each of 300 keys, and clients get their answers meanwhile.
    const slow = await RedisServer.start([
      "--key-load-delay",
      "1000",
      "--loading-process-events-interval-bytes",
      "1024",
    ]);
    options = { ...options, address: slow.address };
    const store = await open(options);
    await store.commit(appendNumbers(store, [1], 0, 10));
    await slow.admin.eval("for key = 1, 300 do redis.call('SET', 'filler:' .. key, key) end", 0);
    await slow.admin.save();
    await slow.kill();
    const pending = appendNumbers(store, [1], 10, 10);
    slow.launch();
    await until("it loads", () =>
      slow.admin.ping().then(
        () => false,
        (error) => String(error).includes("LOADING"),
      ),
    );
    expect(store.engine.durable).toBeLessThan(pending);
    await store.commit(pending);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 20));
    await slow.discard();
  });
});

describe("answers that do not come", () => {
  test.each([5, 20_000])("what was done and not answered is not done twice, with %i bytes", async (bytes) => {
    const store = await open(options);
    const first = appendNumbers(store, [1], 0, 5, bytes);
    await store.commit(first);
    const settled = new Set<number>();
    let before = first;
    for (let round = 0; round < 5; round++) {
      proxy.holdAnswers();
      store.engine.settle(1, before);
      settled.add(4 + round * 5);
      const lsn = appendNumbers(store, [1], 5 + round * 5, 5, bytes);
      before = lsn;
      store.engine.flush();
      const key = `jackalope:{outage-${clusters}:0}:state`;
      await until("Redis has done it", async () => Number(await server.admin.hget(key, "lsn")) >= lsn);
      proxy.cut();
      proxy.release();
      await store.until(() => store.engine.durable >= lsn);
    }
    await store.engine.close();
    expect(await server.admin.keys(`jackalope:{outage-${clusters}:0}:*:gate`)).toEqual([]);
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 30).filter((number) => !settled.has(number)));
  });

  test.each([
    { bytes: 5, step: 37, end: 1500 },
    { bytes: 10_000, step: 1777, end: 34_000 },
  ])("a commit cut at any byte is done once, with $bytes bytes", async ({ bytes, step, end }) => {
    const store = await open(options);
    let appended = 0;
    for (let cut = 1; cut < end; cut += step) {
      proxy.cutAfter(cut);
      const lsn = appendNumbers(store, [1], appended, 3, bytes);
      appended += 3;
      await store.commit(lsn);
    }
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    expect(store.failures.length).toBeGreaterThan(10);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, appended));
  });

  test("a connection that is silent is made anew, and late requests on the old one change nothing", async () => {
    const store = await open(options);
    await store.commit(appendNumbers(store, [1], 0, 1));
    proxy.holdRequests();
    const lsn = appendNumbers(store, [1], 1, 4);
    store.engine.flush();
    await store.until(() => store.failures.length > 0);
    expect(store.failures[0]?.message).toContain("not answered for 1000 ms");
    expect(store.engine.durable).toBeLessThan(lsn);
    proxy.release();
    await store.until(() => store.engine.durable >= lsn);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
  });

  test("Redis that is stopped and goes on does what it had taken in once", async () => {
    const store = await open(options);
    await store.commit(appendNumbers(store, [1], 0, 1));
    server.signal("SIGSTOP");
    const lsn = appendNumbers(store, [1], 1, 4);
    store.engine.flush();
    // The next attempts are taken in by the machine, and answered by nobody.
    await store.until(() => store.failures.length > 0);
    server.signal("SIGCONT");
    await store.until(() => store.engine.durable >= lsn);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
  });

  test("CLIENT PAUSE holds confirms back and nothing else", async () => {
    const store = await open(options);
    await server.admin.client("PAUSE", 400, "WRITE");
    const started = Date.now();
    const lsn = appendNumbers(store, [1], 0, 4);
    await store.commit(lsn);
    expect(Date.now() - started).toBeGreaterThan(200);
    expect(store.failures).toEqual([]);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 4));
  });

  test("a script that Redis has forgotten is brought again", async () => {
    const store = await open(options);
    await server.admin.script("FLUSH");
    const lsn = appendNumbers(store, [1], 0, 4);
    await store.commit(lsn);
    await store.engine.close();
    expect(await storedNumbers(options, 1)).toEqual(numbers(0, 4));
  });
});
