import { testMessage } from "@jackalope/testkit";
import { afterEach, expect, test } from "vitest";
import { LeaseLostError } from "../src/index.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

const servers: RedisServer[] = [];
const proxies: TcpProxy[] = [];

afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
  for (const server of servers.splice(0)) await server.discard();
});

async function startServer(settings: readonly string[] = []): Promise<RedisServer> {
  const server = await RedisServer.start(["--repl-diskless-sync-delay", "0", ...settings]);
  servers.push(server);
  return server;
}

async function startReplica(masterPort: number): Promise<RedisServer> {
  const replica = await startServer(["--replicaof", `127.0.0.1 ${masterPort}`]);
  await until("the replica is in step", async () => (await replica.admin.info()).includes("master_link_status:up"));
  return replica;
}

async function startProxy(target: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(target);
  proxies.push(proxy);
  return proxy;
}

test("READONLY is waited for, and the address is looked up again", async () => {
  const first = await startServer();
  const second = await startReplica(first.port);
  // Stands for a name or an address that moves to the new master.
  const proxy = await startProxy(first.port);
  const options = { address: proxy.address, cluster: "c" };
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await first.replicated();
  await second.admin.replicaof("NO", "ONE");
  await first.admin.replicaof("127.0.0.1", second.port);
  const lsn = appendNumbers(store, [1], 5, 5);
  store.engine.flush();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("READONLY");
  expect(store.engine.durable).toBeLessThan(lsn);
  // Connections that are there stay with the replica: it is the engine that has to leave.
  proxy.target = second.port;
  await store.until(() => store.engine.durable >= lsn);
  await store.engine.close();
  expect(await storedNumbers({ ...options, address: second.address }, 1)).toEqual(numbers(0, 10));
});

/** A master whose replica has missed the latest commits, and takes its place. */
async function failOverWithLoss(messages: number, bodyBytes: number) {
  const first = await startServer();
  const link = await startProxy(first.port);
  const replica = await startReplica(link.port);
  const proxy = await startProxy(first.port);
  const lost: LeaseLostError[] = [];
  const options = { address: proxy.address, cluster: "c", onLeaseLost: (error: LeaseLostError) => lost.push(error) };
  const store = await open(options);
  const kept = appendNumbers(store, [1], 0, 5);
  await store.commit(kept);
  await first.replicated();
  link.holdAnswers();
  let lsn = 0;
  for (let index = 0; index < messages; index++) {
    lsn = store.engine.append([1], testMessage(`${5 + index}`.padEnd(bodyBytes)));
    if (index === 1) store.engine.settle(1, kept);
    if (index % 10 === 0) await store.commit(lsn);
  }
  await store.commit(lsn);
  await first.kill();
  link.cut();
  await replica.admin.replicaof("NO", "ONE");
  expect(Number(await replica.admin.hget("jackalope:{c:0}:state", "lsn"))).toBeLessThan(lsn);
  proxy.target = replica.port;
  return { store, options, lost, replica };
}

test("commits that a fail-over lost, though confirmed, are written again", async () => {
  const { store, options, lost } = await failOverWithLoss(95, 3000);
  // Also where nothing new is written.
  await store.until(() => store.recoveries > 0);
  const lsns = Array.from({ length: 90 }, (_, index) => store.engine.durable - index);
  expect((await store.engine.read(lsns)).every((message) => message.bodyBytes === 3000)).toBe(true);
  const lsn = appendNumbers(store, [1], 100, 3);
  await store.commit(lsn);
  expect(store.engine.pendingBytes).toBe(0);
  await store.engine.close();
  expect(lost).toEqual([]);
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 103).filter((number) => number !== 4));
});

test("where more is lost than is kept the broker has to start again, and writes nothing over what is there", async () => {
  const { store, options, lost, replica } = await failOverWithLoss(20, 1_000_000);
  store.engine.append([1], testMessage("never".padEnd(50_000)));
  store.engine.flush();
  await until("it says so", () => lost.length > 0);
  expect(lost[0]?.message).toContain("Redis has lost commits");
  expect(store.failures.at(-1)).toBeInstanceOf(LeaseLostError);
  await expect(store.engine.close()).rejects.toBeInstanceOf(LeaseLostError);
  expect(await storedNumbers({ ...options, address: replica.address }, 1)).toEqual(numbers(0, 5));
});

test("commits of another broker are never taken for our own", async () => {
  const server = await startServer();
  const lost: LeaseLostError[] = [];
  const store = await open({ address: server.address, cluster: "c", onLeaseLost: (error) => lost.push(error) });
  await store.commit(appendNumbers(store, [1], 0, 5));
  const { durable } = store.engine;
  // As if a fail-over had brought a past back in which somebody else had written on.
  await server.admin.hset("jackalope:{c:0}:state", "number", "50", "by", "9:somebody");
  appendNumbers(store, [1], 5, 5);
  store.engine.flush();
  await until("it says so", () => lost.length > 0);
  expect(store.engine.durable).toBe(durable);
  await store.engine.close().catch(() => undefined);
});

test("Redis that comes back empty ends the engine", async () => {
  const server = await startServer();
  const lost: LeaseLostError[] = [];
  const store = await open({ address: server.address, onLeaseLost: (error) => lost.push(error) });
  await store.commit(appendNumbers(store, [1], 0, 5));
  await server.kill();
  await server.run();
  appendNumbers(store, [1], 5, 5);
  store.engine.flush();
  await until("it says so", () => lost.length > 0);
  await store.engine.close().catch(() => undefined);
  expect(lost).toHaveLength(1);
  expect(await server.admin.keys("*queue*")).toEqual([]);
});

test("Sentinel names the new master", async () => {
  const master = await startServer();
  const replica = await startReplica(master.port);
  const sentinel = await RedisServer.start({ sentinelOf: { name: "main", port: master.port } });
  servers.push(sentinel);
  // The second address is nobody's: the first that answers is believed.
  const address = `redis+sentinel://127.0.0.1:${sentinel.port},127.0.0.1:1/main`;
  const options = { address, cluster: "s", answerTimeoutMs: 1000 };
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await until("the sentinel knows the replica", async () => {
    const [known] = (await sentinel.admin.call("SENTINEL", "REPLICAS", "main")) as unknown[][];
    return known !== undefined;
  });
  await master.replicated();
  await master.kill();
  const lsn = appendNumbers(store, [1], 5, 5);
  await store.commit(lsn);
  expect(await replica.admin.call("ROLE")).toContain("master");
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 10));
});
