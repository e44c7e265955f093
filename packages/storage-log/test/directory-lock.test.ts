import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenedStorage } from "@jackalope/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "../src/directory-lock.ts";
import { DirectoryInUseError, openLogStorage } from "../src/index.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "jackalope-lock-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("a second broker on a directory is refused, and the error names the first one's pid", async () => {
  const first = await OpenedStorage.open(openLogStorage({ directory }));
  const error: unknown = await OpenedStorage.open(openLogStorage({ directory })).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DirectoryInUseError);
  expect((error as Error).message).toContain(`pid ${process.pid}`);
  expect((error as Error).message).toContain(directory);
  await first.engine.close();
  const second = await OpenedStorage.open(openLogStorage({ directory }));
  await second.engine.close();
  expect(await readdir(directory)).toEqual(["segments"]);
});

test("the lock of a process that is gone is taken over", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  const { pid } = child;
  await once(child, "exit");
  await writeFile(join(directory, "lock"), `${pid} boot/1\n`);
  const release = await lockDirectory(directory);
  expect(await readFile(join(directory, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
  await release();
});

test("a pid that another process has by now does not keep the directory locked", async () => {
  await writeFile(join(directory, "lock"), `${process.pid} another-boot/12345\n`);
  await (await lockDirectory(directory))();
});

test("a lock file with nothing in it is taken over", async () => {
  await writeFile(join(directory, "lock"), "");
  await (await lockDirectory(directory))();
});

test("of many that take over a stale lock at once exactly one gets it", async () => {
  for (let round = 0; round < 20; round++) {
    await writeFile(join(directory, "lock"), "999999999 boot/1\n");
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]?.value();
  }
});
