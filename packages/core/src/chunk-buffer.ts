import type { Tab } from "./account/tab.ts";

/** Up to here a frame that has not come whole is part of what a connection costs. */
const freePartialBytes = 64 * 1024;
const firstPartialBytes = 2048;
/** Room below this grows fourfold: what it grows out of leaves holes in the allocator's heap, a third of it and not as much again. */
const leapBytes = 16 * 1024;
const noBytes = Buffer.alloc(0);

/**
 * Bytes on their way from a stream to a decoder: the chunk at hand, and the beginning of a frame whose end has not come.
 * The decoder reads whole frames in place and moves `position` on; a frame that straddles chunks is gathered in a buffer
 * of its own, which grows with what has come, not with what was promised.
 *
 *     chunk    | frame | frame | fra       partial  | fra | …
 *                      ^ position                          ^ partialBytes
 */
export class ChunkBuffer {
  /** Null where nothing waits. */
  chunk: Buffer | null = null;
  /** In `chunk`: what is before it has been taken. */
  position = 0;
  /** Null where no frame has begun without its end. */
  partial: Buffer | null = null;
  /** How much of `partial` is filled. */
  partialBytes = 0;
  /** Pays for `partial` where it is large. Null before a login, whose frames are small. */
  tab: Tab | null = null;

  /** Adds what the stream brought. The bytes must not change afterwards. */
  push(chunk: Buffer): void {
    this.chunk = this.chunk === null ? chunk : Buffer.concat([this.chunk.subarray(this.position), chunk]);
    this.position = 0;
  }

  /** Puts whole frames before everything that waits, of which no frame has a part any more. */
  unread(bytes: Buffer): void {
    const partial = this.partial?.subarray(0, this.partialBytes) ?? noBytes;
    const rest = this.chunk?.subarray(this.position) ?? noBytes;
    this.chunk = partial.length + rest.length === 0 ? bytes : Buffer.concat([bytes, partial, rest]);
    this.position = 0;
    this.endPartial();
  }

  /** Puts aside what is left of the chunk, as the beginning of a frame: a copy, so that it does not pin the chunk. */
  keepRest(): void {
    const { chunk, position } = this;
    this.chunk = null;
    if (chunk === null || position === chunk.length) return;
    this.partialBytes = chunk.length - position;
    this.#admit(this.partialBytes);
    this.partial = Buffer.allocUnsafeSlow(Math.max(this.partialBytes, firstPartialBytes));
    chunk.copy(this.partial, 0, position);
  }

  /**
   * Moves bytes from the chunk until `partial` has `wantedBytes`. False where the chunk ends before; it is used up then.
   * Only while there are both.
   */
  fill(wantedBytes: number): boolean {
    const missing = wantedBytes - this.partialBytes;
    if (missing <= 0) return true;
    const available = Math.min(missing, (this.chunk as Buffer).length - this.position);
    this.take(available, wantedBytes);
    if (available === missing) return true;
    this.chunk = null;
    return false;
  }

  /**
   * Moves `count` bytes from the chunk to `partial`, whose room grows by leaps and up to `boundBytes`. Throws
   * quota-exceeded where the connection has no room.
   */
  take(count: number, boundBytes: number): void {
    const neededBytes = this.partialBytes + count;
    let partial = this.partial as Buffer;
    if (neededBytes > partial.length) {
      const leap = partial.length < leapBytes ? 4 : 2;
      const roomBytes = Math.max(neededBytes, Math.min(partial.length * leap, boundBytes));
      this.#admit(roomBytes);
      const larger = Buffer.allocUnsafeSlow(roomBytes);
      partial.copy(larger, 0, 0, this.partialBytes);
      this.partial = partial = larger;
    }
    (this.chunk as Buffer).copy(partial, this.partialBytes, this.position, this.position + count);
    this.partialBytes = neededBytes;
    this.position += count;
  }

  /** The frame is whole, and in other hands. */
  endPartial(): void {
    this.partial = null;
    if (this.tab !== null && this.tab.bytes > 0) this.tab.settle();
  }

  /** Drops everything that waits. */
  drop(): void {
    this.chunk = null;
    this.endPartial();
  }

  #admit(bytes: number): void {
    if (bytes <= freePartialBytes || this.tab === null) return;
    this.tab.admit(bytes - this.tab.bytes, "the frame is not taken");
  }
}
