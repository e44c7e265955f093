import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { startTarget, type Target } from "../harness/target.ts";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** The lines that a program prints. */
async function linesOf(program: string): Promise<readonly string[]> {
  const output = await succeed(process.execPath, [`${folder}${program}`], { env: { AMQP_URL: target.url } });
  return output.trimEnd().split("\n");
}

test("the work queue shares jobs out among its workers, and all are done", async () => {
  const lines = await linesOf("work-queue.js");
  expect(lines[0]).toBe("6 jobs are safe with the broker");
  expect(lines.at(-1)).toBe("all jobs are done");
  const jobs = lines.slice(1, -1).map((line) => /^worker ([AB]) did (job \d)$/.exec(line));
  expect(jobs.map((job) => job?.[2]).sort()).toEqual([1, 2, 3, 4, 5, 6].map((number) => `job ${number}`));
  expect(new Set(jobs.map((job) => job?.[1]))).toEqual(new Set(["A", "B"]));
});

test("every subscriber hears every message", async () => {
  const lines = await linesOf("publish-subscribe.js");
  for (const name of ["Ada", "Bob"]) {
    const heard = lines.filter((line) => line.startsWith(name));
    expect(heard).toEqual([`${name} heard: it rains`, `${name} heard: it stopped`]);
  }
  expect(lines.length).toBe(4);
});

test("routing goes by key, and what nobody wants comes back", async () => {
  expect(await linesOf("routing.js")).toEqual([
    "nobody wants debug: a line of level debug",
    "file has: a line of level info",
    "file has: a line of level error",
    "pager has: a line of level error",
  ]);
});

test("topics go by pattern", async () => {
  expect(await linesOf("topics.js")).toEqual([
    "kitchen.# got kitchen.temperature, kitchen.oven.door",
    "*.temperature got kitchen.temperature, garage.temperature",
    "# got kitchen.temperature, kitchen.oven.door, garage.temperature, garage.light",
  ]);
});

test("procedure calls get their answers", async () => {
  expect(await linesOf("rpc.js")).toEqual([
    "server: fibonacci(5)?",
    "server: fibonacci(10)?",
    "server: fibonacci(20)?",
    "client: fibonacci(5) = 5",
    "client: fibonacci(10) = 55",
    "client: fibonacci(20) = 6765",
  ]);
});

test("higher priorities come first", async () => {
  expect(await linesOf("priority.js")).toEqual([
    "priority 5: a telegram",
    "priority 1: a letter",
    "priority 1: a second letter",
    "priority 0: a leaflet",
  ]);
});

test("messages are tried again after a while, and given up after three attempts", async () => {
  const lines = await linesOf("retry.js");
  const about = (text: string) =>
    lines.filter((line) => line.startsWith(`${text}: `)).map((line) => line.split(": ")[1]);
  expect(about("works at once")).toEqual(["done at attempt 1"]);
  expect(about("works at the second attempt")).toEqual(["attempt 1 failed, again in 100 ms", "done at attempt 2"]);
  expect(about("never works")).toEqual([
    "attempt 1 failed, again in 100 ms",
    "attempt 2 failed, again in 100 ms",
    "given up after 3 attempts",
  ]);
  expect(lines.at(-1)).toBe("1 message to look at");
});

test("every program of the folder is run here and named on its page", () => {
  const programs = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const page = readFileSync(`${folder}README.md`, "utf8");
  const tests = readFileSync(fileURLToPath(import.meta.url), "utf8");
  for (const program of programs) {
    expect(page).toContain(`[${program}](${program})`);
    expect(tests).toContain(`linesOf("${program}")`);
  }
  expect(programs.length).toBe(7);
});
