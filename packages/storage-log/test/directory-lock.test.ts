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
  expect(await readdir(directory)).toEqual(["durable.mark", "segments"]);
});

test("the lock of a process that is gone is taken over", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  const { pid } = child;
  await once(child, "exit");
  await writeFile(join(directory, `lock.${pid}.01234567-1.abcdef`), "");
  const release = await lockDirectory(directory);
  const [name, ...others] = await readdir(directory);
  expect(name).toMatch(new RegExp(`^lock\\.${process.pid}\\.`));
  expect(others).toEqual([]);
  await release();
  expect(await readdir(directory)).toEqual([]);
});

test("a pid that another process has by now does not keep the directory locked", async () => {
  await writeFile(join(directory, `lock.${process.pid}.01234567-1.abcdef`), "");
  await (await lockDirectory(directory))();
});

test("the lock of a living process in another program is respected", async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
  await once(child, "spawn");
  await writeFile(join(directory, `lock.${child.pid}.unknown.abcdef`), "");
  await expect(lockDirectory(directory)).rejects.toThrow(`pid ${child.pid}`);
  child.stdin.end();
  await once(child, "exit");
  await (await lockDirectory(directory))();
});

test("the lock of a killed process is free although its parent has not asked for its exit code", async () => {
  // cat never waits for the child that it inherits from the shell.
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec cat"], { stdio: ["pipe", "pipe", "ignore"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const statFields = async (): Promise<string[]> => {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  };
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const startTime = (await statFields())[19];
  await writeFile(join(directory, `lock.${pid}.${boot.slice(0, 8)}-${startTime}.abcdef`), "");
  await expect(lockDirectory(directory)).rejects.toThrow(`pid ${pid}`);
  process.kill(pid, "SIGKILL");
  await expect.poll(async () => (await statFields())[0]).toBe("Z");
  await (await lockDirectory(directory))();
  parent.stdin.end();
  await once(parent, "exit");
});

test("of many that come at once, with a stale lock in the way, never two get in", async () => {
  for (let round = 0; round < 10; round++) {
    await writeFile(join(directory, "lock.999999999.01234567-1.abcdef"), "");
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won.length).toBeLessThanOrEqual(1);
    await won[0]?.value();
    expect(await readdir(directory)).toEqual([]);
  }
});
