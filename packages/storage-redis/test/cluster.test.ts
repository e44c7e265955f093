import { afterAll, beforeAll, expect, test } from "vitest";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { until } from "./fixture/until.ts";

const slots = 16_384;
const state = "jackalope:{c:0}:state";
const nodes: RedisServer[] = [];
let masters: RedisServer[];

/** Three masters with a third of the slots each, and a replica of the one that has the slot of the keys. */
beforeAll(async () => {
  const settings = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", "600", "--repl-diskless-sync-delay", "0"],
    ...["--cluster-allow-replica-migration", "no"],
  ];
  for (let index = 0; index < 4; index++) nodes.push(await RedisServer.start({ settings }));
  masters = nodes.slice(0, 3);
  for (const [index, { admin }] of masters.entries()) {
    const first = Math.floor((index * slots) / 3);
    await admin.cluster("ADDSLOTSRANGE", first, Math.floor(((index + 1) * slots) / 3) - 1);
    for (const other of nodes) await admin.cluster("MEET", "127.0.0.1", other.port);
  }
  await until("the cluster is complete", async () => {
    const infos = await Promise.all(nodes.map(({ admin }) => admin.cluster("INFO")));
    return infos.every((info) => info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:4"));
  });
  const replica = nodes[3] as RedisServer;
  await replica.admin.cluster("REPLICATE", await (await holder()).admin.cluster("MYID"));
  await until("the replica is in step", async () => (await replica.admin.info()).includes("master_link_status:up"));
}, 60_000);
afterAll(async () => {
  for (const node of nodes) await node.discard();
});

/** The master of the slot of the keys. */
async function holder(): Promise<RedisServer> {
  for (const node of masters) {
    const taken = await node.admin.hget(state, "number").then(
      () => true,
      (error) => !String(error).includes("MOVED"),
    );
    if (taken) return node;
  }
  throw new Error("no node has the slot");
}

/** Every node is a way in: the engine asks the one after the first. */
function options() {
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  return { address: `redis+cluster://${hosts.join(",")}`, cluster: "c", answerTimeoutMs: 1000 };
}

test("the engine finds the node with its slot, and all its keys are there", async () => {
  const store = await open({ ...options(), waitReplicas: 1 });
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.commit(appendNumbers(store, [1, 2], 5, 5, 20_000));
  await store.engine.close();
  const { admin } = await holder();
  expect((await admin.keys("jackalope:*")).sort()).toEqual(
    ["queue:0", "queue:1", "state", "streams"].map((name) => `jackalope:{c:0}:${name}`),
  );
  expect(await storedNumbers(options(), 1)).toEqual(numbers(0, 10));
});

test("the slot may move to another node while the engine writes", async () => {
  const store = await open(options());
  const from = await holder();
  const to = masters.find((node) => node !== from) as RedisServer;
  const slot = await from.admin.cluster("KEYSLOT", state);
  const [fromId, toId] = [await from.admin.cluster("MYID"), await to.admin.cluster("MYID")];
  const move = async (source: RedisServer, sourceId: string, target: RedisServer, targetId: string): Promise<void> => {
    await target.admin.cluster("SETSLOT", slot, "IMPORTING", sourceId);
    await source.admin.cluster("SETSLOT", slot, "MIGRATING", targetId);
    store.engine.flush();
    for (;;) {
      const keys = await source.admin.cluster("GETKEYSINSLOT", slot, 100);
      if (keys.length === 0) break;
      await source.admin.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", ...keys);
    }
    for (const { admin } of [target, source, ...masters]) await admin.cluster("SETSLOT", slot, "NODE", targetId);
  };
  let next = 10;
  const work = async (running: Promise<void>): Promise<void> => {
    let over = false;
    void running.finally(() => (over = true)).catch(() => undefined);
    while (!over) {
      appendNumbers(store, [1], next++, 1, next % 5 === 0 ? 20_000 : 0);
      store.engine.flush();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await running;
  };
  await work(move(from, fromId, to, toId));
  await store.commit(appendNumbers(store, [1], next++, 1));
  expect(Number(await to.admin.hget(state, "lsn"))).toBe(store.engine.durable);
  await work(move(to, toId, from, fromId));
  await store.commit(appendNumbers(store, [1], next++, 1));
  await store.engine.close();
  expect(await storedNumbers(options(), 1)).toEqual(numbers(0, next));
});

test("the replica takes over from a master that is killed", async () => {
  const store = await open(options());
  const before = store.messages.length;
  const first = await holder();
  await store.commit(appendNumbers(store, [3], 0, 5));
  await first.replicated();
  await first.kill();
  const lsn = appendNumbers(store, [3], 5, 5);
  await store.commit(lsn);
  expect(Number(await nodes[3]?.admin.hget(state, "lsn"))).toBe(lsn);
  await store.engine.close();
  const reopened = await open(options());
  expect(reopened.messages).toHaveLength(before + 10);
  await reopened.engine.close();
});
