import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { OpenedStorage } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { openLogStorage } from "../src/index.ts";

const child = fileURLToPath(new URL("kill-child.mjs", import.meta.url));

/** Lets the child work until it has printed `lines` lines, kills it, and returns all that it printed. */
async function killAfter(directory: string, lines: number): Promise<string[]> {
  const running = spawn(process.execPath, [child, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const printed: string[] = [];
  const exit = once(running, "exit");
  for await (const line of createInterface({ input: running.stdout })) {
    printed.push(line);
    if (printed.length === lines) running.kill("SIGKILL");
  }
  expect((await exit)[1]).toBe("SIGKILL");
  return printed;
}

test("kill -9 under load loses nothing durable and brings nothing settled back, time after time", {
  timeout: 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "jackalope-kill-"));
  const expected = new Map<number, string>();
  const asked = new Set<number>();
  const settled = new Set<number>();
  try {
    for (const lines of [1, 40, 3000, 12_000]) {
      for (const line of await killAfter(directory, lines)) {
        const [what, lsn, turn, index] = line.split(" ");
        if (what === "append") expected.set(Number(lsn), `body ${turn} ${index}`);
        else if (what === "asked") asked.add(Number(lsn));
        else settled.add(Number(lsn));
      }
      const store = await OpenedStorage.open(openLogStorage({ directory, segmentBytes: 200_000 }));
      const lsns = store.messages.map((message) => message.lsn);
      expect(lsns).toEqual(lsns.toSorted((a, b) => a - b));
      expect(lsns.filter((lsn) => settled.has(lsn))).toEqual([]);
      const bodies = new Map<number, string>();
      for (const message of await store.engine.read(lsns))
        bodies.set(message.lsn, String(Buffer.from(message.body)).trimEnd());
      // A message may be gone only where its settling was asked for, durable or not.
      for (const [lsn, body] of expected) {
        if (bodies.has(lsn) || !asked.has(lsn)) expect(bodies.get(lsn)).toBe(body);
        else expected.delete(lsn);
      }
      await store.engine.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
