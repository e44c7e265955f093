import type { Message } from "@jackalope/core/storage";
import { testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { messageBytesMax } from "../src/layout.ts";
import { open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";

let server: RedisServer;
let clusters = 0;
let prefix = "";
let options: { address: string; cluster: string };

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());
beforeEach(async () => {
  await server.admin.flushall();
  options = { address: server.address, cluster: `bounds-${++clusters}` };
  prefix = `jackalope:{${options.cluster}:0}:`;
});

test("a turn with a hundred megabytes goes in commits of about one", async () => {
  const store = await open(options);
  const body = Buffer.alloc(1000, 1);
  const count = 100_000;
  let lsn = 0;
  for (let index = 0; index < count; index++) lsn = store.engine.append([1], testMessage(body));
  expect(store.engine.pendingBytes).toBe(count * body.length);
  await store.commit(lsn);
  expect(store.engine.statistics().commits).toBeGreaterThan(80);
  expect(store.watermarks.length).toBeGreaterThan(80);
  // No entry is so large that reading one message takes long.
  const [, entry] = (await server.admin.xrangeBuffer(`${prefix}queue:1`, "-", "+", "COUNT", 2)).map(
    ([, fields]) => fields,
  );
  expect(entry?.[5]?.length).toBeGreaterThan(100_000);
  expect(entry?.[5]?.length).toBeLessThanOrEqual(128 * 1024);
  await store.engine.close();
});

test("an atomic group is one commit, however large it is", async () => {
  const proxy = await TcpProxy.start(server.port);
  const store = await open({ ...options, address: proxy.address });
  const before = store.engine.append([1], testMessage("before"));
  await store.commit(before);
  const body = Buffer.alloc(50_000, 1);
  const commits = store.engine.statistics().commits;
  // Most of it has arrived when the connection is lost.
  proxy.cutAfter(20_000_000);
  const lsn = store.engine.atomic(() => {
    for (let index = 0; index < 1000; index++) store.engine.append([1 + (index % 10)], testMessage(body));
    store.engine.settle(1, before);
    store.engine.put("a", Buffer.from("1"));
  });
  await store.commit(lsn);
  expect(store.engine.statistics().commits).toBe(commits + 1);
  expect(store.failures).toHaveLength(1);
  await store.engine.close();
  const next = await open(options);
  expect(next.messages).toHaveLength(1000);
  await next.engine.close();
  await proxy.close();
});

test("a group may settle a hundred thousand messages of as many entries", async () => {
  const store = await open(options);
  const lsns: number[] = [];
  for (let index = 0; index < 100_000; index++) {
    lsns.push(store.engine.append([1 + (index % 2000)], testMessage("x")));
    // The next message of a queue comes in another commit, and has another entry.
    if (index % 2000 === 1999) await store.commit(lsns.at(-1) as number);
  }
  expect(store.engine.statistics().segments).toBe(100_000);
  const lsn = store.engine.atomic(() => {
    for (const [index, each] of lsns.entries()) store.engine.settle(1 + (index % 2000), each);
  });
  await store.commit(lsn);
  expect(await server.admin.keys(`${prefix}queue:*`)).toEqual([]);
  await store.engine.close();
});

test("messages of sixteen megabytes come back, alone and among small ones", async () => {
  const store = await open(options);
  const bodies = [10, 16 << 20, 20, 16 << 20].map((bytes, index) => Buffer.alloc(bytes, index + 1));
  const lsns = bodies.map((body) => store.engine.append([1], testMessage(body)));
  await store.commit(lsns.at(-1) as number);
  expect(await server.admin.xlen(`${prefix}queue:1`)).toBeGreaterThanOrEqual(3);
  await store.engine.close();
  const next = await open(options);
  const read = await next.engine.read(lsns);
  for (const [index, body] of bodies.entries()) expect(body.equals(read[index]?.body ?? Buffer.alloc(0))).toBe(true);
  await next.engine.close();
});

test("a message that Redis would not take is refused", async () => {
  const store = await open(options);
  const message = testMessage("") as { -readonly [Name in keyof Message]: Message[Name] };
  message.bodyEnd = message.bodyStart + messageBytesMax + 1;
  expect(() => store.engine.append([1], message as Message)).toThrow(RangeError);
  await store.commit(store.engine.append([1], testMessage("a")));
  await store.engine.close();
});

test("what waits for Redis counts as not durable, definitions too, and the commits stay small", async () => {
  const store = await open(options);
  await server.admin.client("PAUSE", 1500, "WRITE");
  for (let index = 0; index < 40; index++) store.engine.put(`key ${index}`, Buffer.alloc(100_000));
  let lsn = 0;
  for (let index = 0; index < 4000; index++) lsn = store.engine.append([1], testMessage(Buffer.alloc(1000)));
  store.engine.flush();
  expect(store.engine.pendingBytes).toBeGreaterThan(8_000_000);
  await store.commit(lsn);
  expect(store.engine.pendingBytes).toBe(0);
  expect(store.engine.statistics().commits).toBeGreaterThan(6);
  await store.engine.close();
});

test("a page of a queue reads few entries where many other queues have messages", async () => {
  const store = await open(options);
  const lsns: number[] = [];
  for (let index = 0; index < 20_000; index++)
    lsns.push(store.engine.append([1 + (index % 10_000)], testMessage(`${index}`)));
  await store.commit(lsns.at(-1) as number);
  const started = performance.now();
  for (let queue = 0; queue < 500; queue++) {
    const read = await store.engine.read([lsns[queue] as number, lsns[queue + 10_000] as number]);
    expect(read.map((message) => Buffer.from(message.body).toString())).toEqual([`${queue}`, `${queue + 10_000}`]);
  }
  expect(performance.now() - started).toBeLessThan(5000);
  await store.engine.close();
});

test("ids of queues and Lsns may be large", async () => {
  const store = await open(options);
  await store.engine.close();
  await server.admin.hset(`${prefix}state`, "lsn", `${2 ** 52}`);
  const large = await open(options);
  const queueIds = [2 ** 31 + 5, 2 ** 32 - 1];
  const lsn = large.engine.append(queueIds, testMessage("a"));
  const own = large.engine.append([2 ** 31], testMessage("b"));
  expect(lsn).toBeGreaterThan(2 ** 52);
  large.engine.settle(queueIds[0] as number, lsn);
  await large.commit(own);
  await large.engine.close();
  const next = await open(options);
  expect(next.messages.map((message) => [message.lsn, message.queueIds])).toEqual([
    [lsn, [queueIds[1]]],
    [own, [2 ** 31]],
  ]);
  expect(await next.engine.read([own, lsn])).toHaveLength(2);
  await next.engine.close();
});
