import { totalmem } from "node:os";
import type { Watermark } from "./config/config.ts";

/** Bytes this process may use: the machine's memory or the control group's limit, whichever is less. */
export function availableMemoryBytes(): number {
  // 0 where there is no control group, a number beyond all memory where the group has no limit.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** A watermark in bytes: fractions up to 1 are shares of `availableBytes`. */
export function watermarkBytes(watermark: Watermark, availableBytes: number): number {
  return watermark <= 1 ? Math.round(watermark * availableBytes) : watermark;
}
