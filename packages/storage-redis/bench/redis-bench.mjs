/**
 * What the Redis engine alone does on this machine: messages a second, and CPU a message of the broker's part and of
 * Redis' part.
 *
 *     npm run setup && node packages/storage-redis/bench/redis-bench.mjs [WORD…]
 *
 * WORDs choose measurements by their names. redis-server is started on a free port with appendfsync everysec.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Message, registerMessageFormat, Route } from "@jackalope/core/storage";
import { Redis } from "ioredis";
import { openRedisStorage } from "../dist/index.js";

const format = { id: "bench", toProperties: () => ({}), fromProperties: () => new Uint8Array(0) };
registerMessageFormat(format);
const words = process.argv.slice(2);
const ticksPerSecond = 100;
/** As `undurableBytesMax` of the broker. */
const pendingBytesMax = 16 << 20;

function print(line) {
  process.stdout.write(`${line}\n`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const directory = mkdtempSync(join(tmpdir(), "jackalope-redis-bench-"));
const port = await freePort();
const server = spawn(
  "redis-server",
  ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", directory, "--save", "", "--appendonly", "yes"],
  { stdio: "ignore" },
);
const admin = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: null });
admin.on("error", () => undefined);
await admin.ping();

/** CPU seconds of redis-server. */
function serverSeconds() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function messageOf(bodyBytes) {
  const chunk = Buffer.alloc(20 + bodyBytes + 100, 1);
  const message = new Message(new Route("amq.topic", "bench.key"), format, chunk, 10, 25, 40, 40 + bodyBytes);
  message.persistent = true;
  message.publishedAtMs = Date.now();
  return message;
}

async function open(cluster) {
  const engine = openRedisStorage({ address: `redis://127.0.0.1:${port}`, cluster });
  const found = { messages: 0, wake() {} };
  const listener = {
    durable: () => found.wake(),
    failed: (error) => print(error.message),
    recovered() {},
    ownedUntil() {},
    ownershipLost() {},
  };
  await engine.recover(listener, { definition() {}, message: () => void found.messages++ });
  return { engine, found };
}

/** Appends `perTurn` messages a turn, as fast as they become durable, and settles what is durable. */
async function work({ engine, found }, message, queues, { count, perTurn, settles, copies, everyMs = 0 }) {
  const lsns = [];
  let settled = 0;
  let appended = 0;
  for (let turn = 0; appended < count || (settles && settled < lsns.length) || engine.pendingBytes > 0; turn++) {
    if (engine.pendingBytes < pendingBytesMax) {
      for (let index = 0; index < perTurn && appended < count; index++, appended++) {
        if (copies) for (const queue of queues) lsns.push(engine.append([queue], message));
        else lsns.push(engine.append(queues, message));
      }
    }
    for (; settles && settled < lsns.length && lsns[settled] <= engine.durable; settled++) {
      if (copies) engine.settle(queues[settled % queues.length], lsns[settled]);
      else for (const queue of queues) engine.settle(queue, lsns[settled]);
    }
    engine.flush();
    // No turn without work: it would count as the engine's.
    const idle = engine.pendingBytes >= pendingBytesMax || appended === count;
    if (idle && engine.pendingBytes > 0) await new Promise((resolve) => (found.wake = resolve));
    else if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

let clusters = 0;

async function measure(name, bodyBytes, queueCount, options) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) return;
  const opened = await open(`bench-${++clusters}`);
  const { engine } = opened;
  const message = messageOf(bodyBytes);
  const queues = Array.from({ length: queueCount }, (_, index) => index + 1);
  await work(opened, message, queues, { ...options, count: options.count / 4 });
  const [cpu, redis, started, before] = [process.cpuUsage(), serverSeconds(), performance.now(), engine.statistics()];
  await work(opened, message, queues, options);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  const { count } = options;
  const commits = engine.statistics().commits - before.commits;
  const column = (value, width) => String(value).padStart(width);
  print(
    `${name.padEnd(52)} ${column(Math.round(count / seconds).toLocaleString("en"), 9)}/s` +
      `  broker ${column(((used.user + used.system) / count).toFixed(2), 5)} us` +
      `  Redis ${column((((serverSeconds() - redis) * 1e6) / count).toFixed(2), 5)} us` +
      `  ${column(commits, 6)} commits`,
  );
  await engine.close();
  await admin.flushall();
}

async function backlog(name, bodyBytes, count, perTurn) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) return;
  const cluster = `bench-${++clusters}`;
  const first = await open(cluster);
  const settings = { count, perTurn, settles: false };
  await work(first, messageOf(bodyBytes), [1], settings);
  const { segments } = first.engine.statistics();
  await first.engine.close();
  const used = Number(/used_memory:(\d+)/.exec(await admin.info("memory"))[1]);
  globalThis.gc?.();
  const rss = process.memoryUsage.rss();
  const started = performance.now();
  const { engine, found } = await open(cluster);
  const ms = performance.now() - started;
  globalThis.gc?.();
  const memory = process.memoryUsage();
  print(
    `${name.padEnd(52)} ${found.messages.toLocaleString("en")} messages in ${segments} entries: recovered in ${ms.toFixed(0)} ms,` +
      ` rss ${((process.memoryUsage.rss() - rss) / 2 ** 20).toFixed(0)} MiB more, heap ${(memory.heapUsed / 2 ** 20).toFixed(0)} MiB;` +
      ` Redis ${(used / count).toFixed(0)} bytes a message`,
  );
  await engine.close();
  await admin.flushall();
}

const fast = { count: 1_000_000, perTurn: 500, settles: true };
await measure("append + settle 100 B, 500 a turn", 100, 1, fast);
await measure("append + settle 100 B, 50 a turn", 100, 1, { ...fast, perTurn: 50 });
await measure("append + settle 100 B, 5 a turn", 100, 1, { ...fast, count: 200_000, perTurn: 5 });
await measure("append + settle 100 B, 100 a ms", 100, 1, { ...fast, count: 400_000, perTurn: 100, everyMs: 1 });
await measure("append 100 B, 500 a turn", 100, 1, { ...fast, settles: false });
await measure("append + settle 1 KiB, 500 a turn", 1024, 1, { ...fast, count: 400_000 });
await measure("append + settle 16 KiB, 50 a turn", 16_384, 1, { ...fast, count: 40_000, perTurn: 50 });
for (const queues of [2, 10, 100]) {
  const count = 1_000_000 / queues;
  for (const bodyBytes of [100, 1024]) {
    const name = `append + settle ${bodyBytes} B to ${queues} queues`;
    await measure(`${name}, one copy`, bodyBytes, queues, { ...fast, count, perTurn: 50 });
    await measure(`${name}, a copy each`, bodyBytes, queues, { ...fast, count, perTurn: 50, copies: true });
  }
}
await backlog("backlog 100 B, 500 a turn", 100, 1_000_000, 500);
await backlog("backlog 100 B, one a turn", 100, 200_000, 1);
await backlog("backlog 1 KiB, 500 a turn", 1024, 1_000_000, 500);
admin.disconnect();
server.kill("SIGKILL");
rmSync(directory, { recursive: true, force: true });
