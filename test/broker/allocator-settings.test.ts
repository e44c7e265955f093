import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { allocatorSettings as settings } from "../harness/allocator-settings.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";

/** The allocator's variables that a process began with. */
async function environmentOf(pid: number | undefined): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/environ`, "utf8");
  const variables = text.split("\0").filter((variable) => variable.startsWith("MALLOC_"));
  return Object.fromEntries(variables.map((variable) => variable.split("=")) as [string, string][]);
}

test("npm start and the command tell the allocator the same", async () => {
  const { scripts } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly scripts: { readonly start: string };
  };
  const told = [...scripts.start.matchAll(/(MALLOC_\w+)=\$\{\1:-(\d+)\}/g)].map(([, name, value]) => [name, value]);
  expect(Object.fromEntries(told)).toEqual(settings);
});

const canBeginAnew = process.platform === "linux" && "execve" in process;

test.runIf(canBeginAnew)("the command begins anew as the same process, with the allocator's settings", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  expect(await environmentOf(broker.child.pid)).toEqual(settings);
  expect(await broker.end("SIGTERM")).toEqual({ code: 0, signal: null });
});

test.runIf(process.platform === "linux")("the command leaves an operator's settings alone", async () => {
  const own = { MALLOC_MMAP_THRESHOLD_: "200000" };
  const broker = await startBrokerProcess(await temporaryDataDir(), [], 30_000, null, own);
  expect(await environmentOf(broker.child.pid)).toEqual(own);
});
