import type { LogFile } from "./log-files.ts";

/**
 * Writes all of the buffers one behind the other, however short the single writes are; `synced` by `writeSynced`.
 * Returns the number of bytes.
 */
export async function writeFully(
  file: LogFile,
  buffers: readonly Uint8Array[],
  position: number,
  synced: boolean = false,
): Promise<number> {
  let left = buffers;
  let done = 0;
  for (;;) {
    const at = position + done;
    const written = synced ? await file.writeSynced(left, at) : await file.write(left, at);
    done += written;
    left = withoutFirstBytes(left, written);
    if (left.length === 0) return done;
    if (written === 0) throw Object.assign(new Error("a write wrote nothing"), { code: "EIO" });
  }
}

function withoutFirstBytes(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  let index = 0;
  for (; index < buffers.length; index++) {
    const length = (buffers[index] as Uint8Array).length;
    if (skip < length) break;
    skip -= length;
  }
  const left = buffers.slice(index);
  if (skip > 0) left[0] = (left[0] as Uint8Array).subarray(skip);
  return left;
}
