import { describe, expect, test } from "vitest";
import * as kinds from "../src/config/value-kinds.ts";

/** What a kind makes of a value, or "refused". */
function read<Value>(kind: kinds.ValueKind<Value>, value: unknown): Value | "refused" {
  const result = kind.schema.safeParse(value);
  return result.success ? result.data : "refused";
}

describe("values are read from text and from TOML values", () => {
  test.each([
    ["5672", 5672],
    [5672, 5672],
    ["0", 0],
    ["off", "off"],
    ["65536", "refused"],
    ["-1", "refused"],
    ["1e3", "refused"],
    ["5672.5", "refused"],
    ["", "refused"],
    [true, "refused"],
  ])("port %j is %j", (value, expected) => {
    expect(read(kinds.port(), value)).toBe(expected);
  });

  test.each([
    ["all", []],
    [[], []],
    ["https://a.example, http://b.example:8080", ["https://a.example", "http://b.example:8080"]],
    [["https://a.example"], ["https://a.example"]],
    ["https://a.example/", "refused"],
    ["a.example", "refused"],
    ["", "refused"],
  ])("origins %j are %j", (value, expected) => {
    expect(read(kinds.origins(), value)).toEqual(expected);
  });

  test.each([
    ["4096", 4096],
    [4096, 4096],
    ["64KiB", 65_536],
    ["64 kib", 65_536],
    ["1.5MB", 1_500_000],
    ["2GiB", 2_147_483_648],
    ["4095", "refused"],
    ["64 parsecs", "refused"],
    ["KiB", "refused"],
    [-1, "refused"],
  ])("bytes %j are %j", (value, expected) => {
    expect(read(kinds.bytes(4096), value)).toBe(expected);
  });

  test.each([
    ["250ms", 250],
    ["10s", 10_000],
    ["1.5m", 90_000],
    ["0s", 0],
    ["0", 0],
    [0, 0],
    ["10", "refused"],
    [10, "refused"],
    ["2h", "refused"],
  ])("time span %j is %j ms", (value, expected) => {
    expect(read(kinds.duration(0, 3_600_000), value)).toBe(expected);
  });

  test.each([
    ["0.6", 0.6],
    [0.6, 0.6],
    ["1", 1],
    ["512MiB", 536_870_912],
    [2_000_000, 2_000_000],
    ["0", "refused"],
    ["1.1", "refused"],
    ["2", "refused"],
  ])("watermark %j is %j", (value, expected) => {
    expect(read(kinds.watermark(), value)).toBe(expected);
  });

  test.each([
    ["::", ["::"]],
    ["127.0.0.1, ::1", ["127.0.0.1", "::1"]],
    [["127.0.0.1"], ["127.0.0.1"]],
    ["localhost", "refused"],
    [[], "refused"],
    ["", "refused"],
  ])("addresses %j are %j", (value, expected) => {
    expect(read(kinds.addresses(), value)).toEqual(expected);
  });

  test.each([
    [true, true],
    ["false", false],
    ["yes", "refused"],
    [1, "refused"],
  ])("switch %j is %j", (value, expected) => {
    expect(read(kinds.onOff(), value)).toBe(expected);
  });
});

test("what is shown can be given back", () => {
  for (const value of [4096, 65_536, 50_000_000, 16 * 1024 ** 2, 4097]) {
    expect(read(kinds.bytes(1), kinds.bytes(1).format(value))).toBe(value);
  }
  const span = kinds.duration(0, 3_600_000);
  for (const value of [250, 10_000, 90_000, 3_600_000]) expect(read(span, span.format(value))).toBe(value);
  for (const value of [0.6, 2 * 1024 ** 3]) {
    expect(read(kinds.watermark(), kinds.watermark().format(value))).toBe(value);
  }
});
