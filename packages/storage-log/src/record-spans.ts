import type { LogFile } from "./log-files.ts";

/** Records this close together are read in one go. */
const gapBytesMax = 16 << 10;
const spanBytesMax = 1 << 20;

/** Where a record is. */
export interface Place {
  readonly address: number;
  readonly length: number;
}

/** Index behind the last of `places`, which are in the order of their addresses, that one read with `first` brings along. */
export function spanEnd(places: readonly Place[], first: number): number {
  const start = places[first] as Place;
  let reached = start.address + start.length;
  let end = first + 1;
  for (; end < places.length; end++) {
    const next = places[end] as Place;
    if (next.address > reached + gapBytesMax || next.address + next.length > start.address + spanBytesMax) break;
    reached = Math.max(reached, next.address + next.length);
  }
  return end;
}

/** Reads `bytes` bytes at `position`; null where the file ends too early. */
export async function readWhole(file: LogFile, position: number, bytes: number): Promise<Buffer | null> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let done = 0; done < bytes; ) {
    const read = await file.read(buffer.subarray(done), bytes - done, position + done);
    if (read === 0) return null;
    done += read;
  }
  return buffer;
}
