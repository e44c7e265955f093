import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LogOutput } from "../src/log-output.ts";

let folder: string;
let descriptor: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jackalope-log-"));
  descriptor = openSync(join(folder, "log"), "a");
});

afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

const written = () => readFileSync(join(folder, "log"), "utf8");

describe("LogOutput", () => {
  test("writes every line, in order", async () => {
    const output = new LogOutput(descriptor);
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index} ä\n`);
    for (const line of lines) output.write(line);
    await vi.waitFor(() => expect(written()).toBe(lines.join("")));
  });

  test("close resolves when all is written, and nothing comes after it", async () => {
    const output = new LogOutput(descriptor);
    for (const line of ["one\n", "two\n", "three\n"]) output.write(line);
    const closed = output.close();
    output.write("four\n");
    await closed;
    expect(written()).toBe("one\ntwo\nthree\n");
  });

  test("a descriptor that cannot be written to is no error", async () => {
    const reading = openSync(join(folder, "log"), "r");
    const output = new LogOutput(reading);
    for (let round = 0; round < 3; round += 1) {
      output.write("lost\n");
      await new Promise(setImmediate);
    }
    await output.close();
    closeSync(reading);
    expect(written()).toBe("");
  });

  test("holds a bounded amount for a reader who does not read", async () => {
    const output = new LogOutput(descriptor);
    // Synchronously, so that nothing but the first line can leave.
    for (let line = 0; line < 20_000; line += 1) output.write(`${"x".repeat(99)}\n`);
    await output.close();
    expect(written().length).toBeGreaterThan(1024 * 1024 - 300);
    expect(written().length).toBeLessThan(1024 * 1024 + 300);
  });
});
