import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { limitTable } from "../src/limits-page/limit-row.ts";
import { limitsPage } from "../src/limits-page/limits-page.ts";

test("docs/limits.md is what the limits say: `npm run docs` changes nothing", () => {
  const page = readFileSync(new URL("../../../docs/limits.md", import.meta.url), "utf8");
  expect(page).toBe(limitsPage());
});

test("a setting whose default is not that of its limit is found", () => {
  const rows = { frameBytesMax: { setting: "frameMax", counts: "a frame", atBound: "501" } } as const;
  expect(() => limitTable(rows, { frameBytesMax: 4096 })).toThrow("the setting frameMax has another default");
  expect(limitTable(rows, { frameBytesMax: 131_072 })).toContain("| `frame-max` | 128 KiB | a frame | 501 |");
});

test("a default has the unit that ends its name", () => {
  const row = { counts: "", atBound: "" };
  const rows = { bodyBytesMax: row, stalledTimeoutMs: row, heartbeatSeconds: row, queuesMax: row, oddBytesMax: row };
  const values = {
    bodyBytesMax: 4 << 20,
    stalledTimeoutMs: 1500,
    heartbeatSeconds: 60,
    queuesMax: 2_000_000,
    oddBytesMax: 1025,
  };
  const shown = limitTable(rows, values)
    .split("\n")
    .slice(2, -1)
    .map((line) => line.split(" | ")[1]);
  expect(shown).toEqual(["4 MiB", "1500 ms", "60 s", "2,000,000", "1,025 bytes"]);
});

test("a row without a limit is found", () => {
  expect(() => limitTable({ gone: { counts: "", atBound: "" } }, {})).toThrow("no limit is called gone");
});
