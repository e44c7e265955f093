import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CorruptStreamError, type RedisStorageOptions } from "../src/index.ts";
import { CorruptIndexError } from "../src/redis-error.ts";
import { appendNumbers, open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";

/** Entries with fields that no commit writes: the error names entry and field, whatever is wrong with it. */

let server: RedisServer;
let clusters = 0;
let stream = "";
let options: RedisStorageOptions;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());
beforeEach(() => {
  const cluster = `broken-${++clusters}`;
  options = { address: server.address, cluster, closeTimeoutMs: 1 };
  stream = `jackalope:{${cluster}:0}:queue:1`;
});

type Fields = Map<string, Buffer>;

/** Two messages in one entry; returns its id and fields. */
async function stored(): Promise<{ readonly id: string; readonly fields: Fields }> {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 2));
  await store.engine.close();
  const [[id, pairs] = ["", []]] = (await server.admin.xrangeBuffer(stream, "-", "+")) as [Buffer | string, Buffer[]][];
  const fields: Fields = new Map();
  for (let at = 0; at < pairs.length; at += 2) fields.set(String(pairs[at]), pairs[at + 1] as Buffer);
  return { id: String(id), fields };
}

/** Puts an entry with these fields in the place of the one that there is. */
async function replace(id: string, fields: Fields, key = stream): Promise<void> {
  await server.admin.del(stream);
  await server.admin.xadd(key, id, ...[...fields].flat());
}

function changedIndex(fields: Fields, change: (index: Buffer) => void): Fields {
  const index = Buffer.from(fields.get("index") as Buffer);
  change(index);
  return new Map(fields).set("index", index);
}

test.each([
  ["no index", (fields: Fields) => new Map([...fields].filter(([name]) => name !== "index")), "it has no index"],
  ["an empty index", (fields: Fields) => new Map(fields).set("index", Buffer.alloc(0)), "it has no index"],
  [
    "an index that is cut off",
    (fields: Fields) => new Map(fields).set("index", (fields.get("index") as Buffer).subarray(1)),
    "the index is cut off",
  ],
  [
    "Lsns out of order",
    (fields: Fields) => changedIndex(fields, (index) => index.writeUInt32LE(0, 40)),
    "its messages are out of order",
  ],
  [
    "an expiration that is no number",
    (fields: Fields) => changedIndex(fields, (index) => index.writeDoubleLE(Number.NaN, 24)),
    "a message of it expires in NaN ms",
  ],
  [
    "a time of publishing without end",
    (fields: Fields) => changedIndex(fields, (index) => index.writeDoubleLE(Number.POSITIVE_INFINITY, 32)),
    "a message of it was published at Infinity ms",
  ],
  [
    "a length that the data does not have",
    (fields: Fields) => changedIndex(fields, (index) => index.writeUInt32LE(1_000_000, 20)),
    "bytes of messages",
  ],
  ["a first Lsn that is none", (fields: Fields) => new Map(fields).set("first", Buffer.from("x")), "first Lsn is NaN"],
  ["queues where there is one", (fields: Fields) => new Map(fields).set("queues", Buffer.alloc(8)), "its queues are"],
])("an entry with %s is refused at the start by its name", async (_, change, reason) => {
  const { id, fields } = await stored();
  await replace(id, change(fields));
  const error: unknown = await open(options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CorruptStreamError);
  expect((error as Error).cause).toBeInstanceOf(CorruptIndexError);
  expect((error as Error).message).toContain(`${stream}: entry ${id} cannot be read: `);
  expect((error as Error).message).toContain(reason);
});

test.each([
  ["cut off", Buffer.of(1, 0, 0, 0, 1), "the list of queues is cut off"],
  ["empty", Buffer.of(0, 0, 0, 0), "the list of queues names none"],
  ["of a queue that cannot be", Buffer.of(1, 0, 0, 0, 0, 0, 0, 0), "the list of queues names none"],
])("an entry of the shared stream whose list of queues is %s is refused by its name", async (_, queues, reason) => {
  const { id, fields } = await stored();
  const shared = stream.replace("queue:1", "queue:0");
  await server.admin.sadd(stream.replace("queue:1", "streams"), "0");
  await replace(id, new Map(fields).set("queues", queues), shared);
  await expect(open(options)).rejects.toThrow(`${shared}: entry ${id} cannot be read: ${reason}`);
});

test.each([
  ["routes that are no JSON", "routes", Buffer.from("["), "its routes are no JSON"],
  ["routes of another form", "routes", Buffer.from('[["a"]]'), "its routes are none"],
  ["too few routes", "routes", Buffer.from("[]"), "it has no route 0"],
  ["a format that nobody knows", "routes", Buffer.from('[["","q","nobody"]]'), ""],
])("an entry with %s is told by its name when it is read", async (_, field, value, reason) => {
  const { id, fields } = await stored();
  await replace(id, new Map(fields).set(field, value));
  const store = await open(options);
  const lsns = store.messages.map(({ lsn }) => lsn);
  const error: unknown = await store.engine.read(lsns).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CorruptIndexError);
  expect((error as Error).message).toContain(`${stream}: entry ${id} cannot be read: ${reason}`);
  await store.engine.close();
});

test("numbers of the state and names of streams that are none are refused by their key", async () => {
  await stored();
  const state = stream.replace("queue:1", "state");
  const streams = stream.replace("queue:1", "streams");
  await server.admin.sadd(streams, "one");
  await expect(open(options)).rejects.toThrow(`${streams}: 'one' is no queue`);
  await server.admin.srem(streams, "one");
  await server.admin.hset(state, "lsn", "many");
  await expect(open(options)).rejects.toThrow(`${state}: its lsn is 'many'`);
});
