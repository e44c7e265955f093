import { lasting } from "./waiting.ts";
import type { RawStream } from "./wire/raw-stream.ts";

/** Sends the same bytes on each stream as fast as they are taken, until the time is over. Returns the bytes sent. */
export async function pump(streams: readonly RawStream[], chunk: Buffer, seconds: number): Promise<number> {
  const endMs = performance.now() + seconds * 1000;
  const sent = await Promise.all(streams.map((stream) => pumpOne(stream, chunk, endMs)));
  const ended = streams.filter((stream) => stream.ended).length;
  if (ended > 0) throw new Error(`${ended} of ${streams.length} publishers were cut off`);
  return sent.reduce((sum, each) => sum + each, 0);
}

async function pumpOne(stream: RawStream, chunk: Buffer, endMs: number): Promise<number> {
  let sentBytes = 0;
  let isOver = false;
  // A publisher that is held back waits for room until the time is over, and no longer.
  const over = lasting(endMs - performance.now()).then(() => (isOver = true));
  while (!stream.ended && !isOver) {
    sentBytes += chunk.length;
    await Promise.race([stream.sendAndDrain(chunk), over]);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return sentBytes;
}

/** As many times the same bytes as make about `bytes`. */
export function repeated(one: Buffer, bytes = 65_536): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(bytes / one.length)) }, () => one));
}
