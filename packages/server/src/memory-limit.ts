import type { Watermark } from "./config/config.ts";

/** A watermark in bytes: fractions up to 1 are shares of `availableBytes`. */
export function watermarkBytes(watermark: Watermark, availableBytes: number): number {
  return watermark <= 1 ? Math.round(watermark * availableBytes) : watermark;
}
