import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedisStorage, UnsuitableRedisError } from "../src/index.ts";
import { deafListener, deafVisitor } from "./fixture/deaf.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { Recorder } from "./fixture/recorder.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { until } from "./fixture/until.ts";

let master: RedisServer;
let replica: RedisServer;
let clusters = 0;

beforeAll(async () => {
  master = await RedisServer.start(["--repl-diskless-sync-delay", "0"]);
  replica = await RedisServer.start(["--replicaof", `127.0.0.1 ${master.port}`]);
  await until(
    "the replica acknowledges",
    async () => (await master.admin.set("a", 1)) && (await master.admin.wait(1, 100)) === 1,
  );
});
afterAll(async () => {
  await replica.discard();
  await master.discard();
});

function options() {
  return { address: master.address, cluster: `r-${++clusters}`, waitReplicas: 1, closeTimeoutMs: 100 };
}

test("a commit is durable when the replica has it", async () => {
  const own = options();
  const store = await open(own);
  for (let from = 0; from < 100; from += 10) {
    const lsn = appendNumbers(store, [1], from, 10);
    await store.commit(lsn);
    expect(Number(await replica.admin.hget(`jackalope:{${own.cluster}:0}:state`, "lsn"))).toBe(lsn);
  }
  await store.engine.close();
  expect(await storedNumbers(own, 1)).toEqual(numbers(0, 100));
});

/** How often WAIT has been answered. */
async function waitCalls(): Promise<number> {
  return Number(/cmdstat_wait:calls=(\d+)/.exec(await master.admin.info("commandstats"))?.[1]);
}

test("nothing is durable while the replica stands still, also over new connections, and it goes on after", async () => {
  const own = options();
  const store = await open(own);
  const first = appendNumbers(store, [1], 0, 10);
  await store.commit(first);
  replica.signal("SIGSTOP");
  const second = appendNumbers(store, [1], 10, 10);
  store.engine.flush();
  await store.until(() => store.failures.length === 1);
  expect(store.failures[0]?.message).toBe("only 0 of 1 replicas have the last commit");
  // Redis has it by now, and says of a commit that is sent again that it is done.
  for (let round = 0; round < 2; round++) {
    await master.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    appendNumbers(store, [1], 20 + round, 1);
    store.engine.flush();
    const asked = await waitCalls();
    await until("it has asked again and again", async () => (await waitCalls()) >= asked + 2);
    expect(store.engine.durable).toBe(first);
  }
  replica.signal("SIGCONT");
  await store.until(() => store.engine.durable > second);
  expect(store.recoveries).toBe(1);
  await store.engine.close();
  expect(await storedNumbers(own, 1)).toEqual(numbers(0, 22));
});

test("WAITAOF is refused at the start where this Redis has it not", async () => {
  const engine = openRedisStorage({ ...options(), waitReplicas: 0, waitAof: true });
  const recovering = engine.recover(deafListener, deafVisitor);
  await expect(recovering).rejects.toBeInstanceOf(UnsuitableRedisError);
  await expect(recovering).rejects.toThrow("it came with 7.2");
  await engine.close();
  // The lease was given back.
  expect(await master.admin.exists(`jackalope:{r-${clusters}:0}:lease`)).toBe(0);
});

test.each([
  { settings: ["--appendonly", "no"], line: /^warn: .*persistence is off, and a restart of Redis loses it/ },
  { settings: ["--appendonly", "yes", "--appendfsync", "always"], line: /^info: .*on Redis' disk/ },
  { settings: ["--appendonly", "yes", "--appendfsync", "everysec"], line: /^info: .*may lose the last second/ },
  { settings: ["--appendonly", "yes", "--appendfsync", "no"], line: /^info: .*operating system decides/ },
  { settings: ["--maxmemory-policy", "allkeys-lru"], line: /^warn: Redis may throw messages away/ },
])("the log tells what a confirm means with $settings", async ({ settings, line }) => {
  const server = await RedisServer.start(settings);
  const log = new Recorder();
  const store = await open({ address: server.address, logger: log });
  expect(log.lines.filter((each) => line.test(each))).toHaveLength(1);
  await store.engine.close();
  await server.discard();
});

test("too few replicas are told of at the start", async () => {
  const log = new Recorder();
  const store = await open({ ...options(), waitReplicas: 2, logger: log });
  expect(log.lines.some((line) => line.startsWith("warn: nothing is confirmed until more replicas"))).toBe(true);
  await store.engine.close();
});
