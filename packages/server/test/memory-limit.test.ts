import { expect, test } from "vitest";
import { watermarkBytes } from "../src/memory-limit.ts";

test("a watermark up to 1 is a share, above it is bytes", () => {
  expect(watermarkBytes(0.5, 1000)).toBe(500);
  expect(watermarkBytes(1, 1000)).toBe(1000);
  expect(watermarkBytes(2_000_000, 1000)).toBe(2_000_000);
});
