/** Beyond this a call of Buffer.copy (about 75 ns on Node 20) costs less than the loop. */
const loopBytesMax = 192;

let lastSource: Uint8Array | null = null;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * Copies `from[start..end)` to `at` in `to`, of which `view` is a view: four bytes a step, for messages of usual size.
 * Many messages in a row come from one chunk of a socket, so its view is kept.
 */
export function copyWords(from: Uint8Array, start: number, end: number, to: Buffer, view: DataView, at: number): void {
  if (end - start > loopBytesMax) {
    (from as Buffer).copy(to, at, start, end);
    return;
  }
  if (from !== lastSource) {
    lastSource = from;
    lastView = new DataView(from.buffer, from.byteOffset, from.length);
  }
  const source = lastView;
  let index = start;
  for (; index + 4 <= end; index += 4, at += 4) view.setUint32(at, source.getUint32(index, true), true);
  for (; index < end; index++) to[at++] = from[index] as number;
}
