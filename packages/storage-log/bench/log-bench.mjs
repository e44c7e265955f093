/**
 * What the log alone does on this machine: CPU a call without a disk, and commits with one.
 *
 *     npm run setup && node packages/storage-log/bench/log-bench.mjs [directory]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Message, registerMessageFormat, Route } from "@jackalope/core/storage";
import { openLogStorage } from "../dist/index.js";

const format = { id: "bench", toProperties: () => ({}), fromProperties: () => new Uint8Array(0) };
registerMessageFormat(format);

/** One line of the result. */
function print(line) {
  process.stdout.write(`${line}\n`);
}

const perTurn = 500;
const base = process.argv[2] ?? tmpdir();

/** Writes nowhere. */
const file = {
  read: () => Promise.resolve(0),
  write: (buffers) => Promise.resolve(buffers.reduce((bytes, buffer) => bytes + buffer.length, 0)),
  sync: () => Promise.resolve(),
  truncate: () => Promise.resolve(),
  size: () => Promise.resolve(0),
  close: () => Promise.resolve(),
};
const nowhere = {
  makeDirectory: () => Promise.resolve(),
  list: () => Promise.resolve([]),
  open: () => Promise.resolve(file),
  remove: () => Promise.resolve(),
  syncDirectory: () => Promise.resolve(),
  lock: () => Promise.resolve(() => Promise.resolve()),
};

const nothing = {
  durable() {},
  failed(error) {
    throw error;
  },
  recovered() {},
};
const nobody = { definition() {}, message() {} };

function messageOf(bodyBytes) {
  const chunk = Buffer.alloc(20 + bodyBytes + 100, 1);
  const message = new Message(new Route("amq.topic", "bench.key"), format, chunk, 10, 25, 40, 40 + bodyBytes);
  message.persistent = true;
  return message;
}

async function measure(name, files, bodyBytes, count, work) {
  const directory = mkdtempSync(join(base, "jackalope-bench-"));
  const engine = openLogStorage(files === undefined ? { directory } : { directory, files });
  await engine.recover(nothing, nobody);
  const message = messageOf(bodyBytes);
  const run = async (total) => {
    const lsns = [];
    for (let done = 0; done < total; done += perTurn) {
      for (let index = 0; index < perTurn; index++) work(engine, message, lsns);
      engine.flush();
      do await new Promise((resolve) => setImmediate(resolve));
      while (engine.pendingBytes > 64 << 20);
    }
    while (engine.pendingBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  await run(count / 4);
  const cpuBefore = process.cpuUsage();
  const commitsBefore = engine.statistics().commits;
  const start = performance.now();
  await run(count);
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const commits = engine.statistics().commits - commitsBefore;
  const { segments, storedBytes } = engine.statistics();
  print(
    `${name.padEnd(44)} ${Math.round(count / seconds)
      .toLocaleString("en")
      .padStart(10)}/s` +
      `  user ${((cpu.user * 1000) / count).toFixed(0).padStart(5)} ns  system ${((cpu.system * 1000) / count).toFixed(0).padStart(5)} ns` +
      `  ${String(commits).padStart(6)} commits  ${segments} segments  ${(storedBytes / 2 ** 20).toFixed(0)} MiB`,
  );
  await engine.close();
  if (name.includes("recover")) await recovery(directory);
  rmSync(directory, { recursive: true });
}

async function recovery(directory) {
  const engine = openLogStorage({ directory });
  let messages = 0;
  const start = performance.now();
  await engine.recover(nothing, { definition() {}, message: () => void messages++ });
  const ms = performance.now() - start;
  const mib = Math.round(process.memoryUsage.rss() / 2 ** 20);
  print(`${" ".repeat(4)}recovery of ${messages} messages: ${ms.toFixed(0)} ms, rss ${mib} MiB`);
  await engine.close();
}

const one = [1];
const ten = Array.from({ length: 10 }, (_, index) => index + 1);
const append = (engine, message) => void engine.append(one, message);
const appendTen = (engine, message) => void engine.append(ten, message);
const window = (engine, message, lsns) => {
  lsns.push(engine.append(one, message));
  if (lsns.length > 2000) engine.settle(1, lsns.shift());
};
const immediately = (engine, message) => void engine.settle(1, engine.append(one, message));
const windowTen = (engine, message, lsns) => {
  lsns.push(engine.append(ten, message));
  if (lsns.length <= 2000) return;
  const lsn = lsns.shift();
  for (const queueId of ten) engine.settle(queueId, lsn);
};

await measure("append 100 B, no disk", nowhere, 100, 2_000_000, append);
await measure("append 100 B to 10 queues, no disk", nowhere, 100, 1_000_000, appendTen);
await measure("append + settle 2,000 later, no disk", nowhere, 100, 2_000_000, window);
await measure("append + settle at once, no disk", nowhere, 100, 2_000_000, immediately);
await measure("append to 10 + settle 10 later, no disk", nowhere, 100, 500_000, windowTen);
await measure("append 100 B, fdatasync", undefined, 100, 2_000_000, append);
await measure("append + settle 2,000 later, fdatasync", undefined, 100, 2_000_000, window);
await measure("append + settle at once, fdatasync", undefined, 100, 2_000_000, immediately);
await measure("append 1 KiB, fdatasync, recover", undefined, 1024, 1_000_000, append);
