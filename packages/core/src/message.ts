import { copyBytes } from "./copy-bytes.ts";
import type { MessageFormat } from "./message-format.ts";
import type { Properties } from "./properties.ts";
import type { Route } from "./route.ts";

const noKeys: readonly string[] = [];

/** Small messages share slabs of this size: one that stays pins at most so much, and a copy costs no view object. */
const usualSlabBytes = 16 * 1024;
/**
 * In a large backlog slabs are mapped by themselves, where the allocator is told to do so from 64 KiB on, so that the system
 * has them back afterwards. It maps whole pages, and needs a few bytes in front.
 */
const backlogSlabBytes = 68 * 1024 - 64;
const slabMessageBytesMax = usualSlabBytes / 8;
const gapBytesMax = 16;
let slabBytes = usualSlabBytes;
let slab: Buffer = Buffer.alloc(0);
let slabPosition = 0;

/** Slabs from now on: for a backlog in memory that is `large`, or as usual. Asked for now and then, never for a message. */
export function sizeMessageSlabs(large: boolean): void {
  slabBytes = large ? backlogSlabBytes : usualSlabBytes;
}

/**
 * One message, whatever the number of queues that hold it. Native properties and body are two ranges of `bytes`, which
 * at first is the chunk the socket brought and after `own` a private copy:
 *
 *     bytes  ....|native properties|....|body|....
 *                ^nativeStart      ^nativeEnd ^bodyStart ^bodyEnd
 *
 * What the broker must know stands beside it in fields; everything else is read from the native form on demand.
 */
export class Message {
  readonly route: Route;
  readonly format: MessageFormat;
  bytes: Buffer;
  nativeStart: number;
  nativeEnd: number;
  bodyStart: number;
  bodyEnd: number;
  /** True once `bytes` is no socket's chunk any more. */
  owned = false;
  persistent = false;
  priority = 0;
  /** Time to live asked for by the sender in milliseconds, -1 where none. */
  expirationMs = -1;
  /** When the broker took it, milliseconds since the epoch. */
  publishedAtMs = 0;
  /** Further routing keys from the sender (AMQP's CC); BCC keys are used for routing and not kept. */
  extraKeys: readonly string[] = noKeys;
  /** Who published it, set by an adapter some of whose subscribers must not get their own messages; 0 otherwise. */
  originId = 0;
  /** Identity in the storage engine, 0 where it is not stored. */
  lsn = 0;
  /** Where the spill area has put it, 0 where it has not: further queues of a fan-out share the copy. Kept by the area. */
  spilledAt = 0;
  /** How many entries of queues hold it in memory. Kept by the store, whose `messageBytes` counts it once. */
  holders = 0;

  constructor(
    route: Route,
    format: MessageFormat,
    bytes: Buffer,
    nativeStart: number,
    nativeEnd: number,
    bodyStart: number,
    bodyEnd: number,
  ) {
    this.route = route;
    this.format = format;
    this.bytes = bytes;
    this.nativeStart = nativeStart;
    this.nativeEnd = nativeEnd;
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyEnd;
  }

  /** Body length in bytes. */
  get bodyBytes(): number {
    return this.bodyEnd - this.bodyStart;
  }

  /** Native properties and body in bytes. */
  get sizeBytes(): number {
    return this.nativeEnd - this.nativeStart + this.bodyEnd - this.bodyStart;
  }

  /** What the message weighs against memory limits: `sizeBytes`, and its route's key where that is long. */
  get memoryBytes(): number {
    return this.sizeBytes + this.route.longKeyBytes;
  }

  /** A view of the native properties. */
  get native(): Uint8Array {
    return this.bytes.subarray(this.nativeStart, this.nativeEnd);
  }

  /** A view of the body. */
  get body(): Uint8Array {
    return this.bytes.subarray(this.bodyStart, this.bodyEnd);
  }

  /** The neutral properties, decoded anew at each call. */
  get properties(): Properties {
    return this.format.toProperties(this.native);
  }

  /** The native bytes in `format`: the sender's own where it spoke the same protocol, a conversion otherwise. */
  as(format: MessageFormat): Uint8Array {
    return this.format === format ? this.native : format.fromProperties(this.properties);
  }

  /** Copies the two ranges out of the socket's chunk: a message that stays must not pin 64 KiB of other messages. */
  own(): void {
    if (this.owned) return;
    this.owned = true;
    const { bytes, nativeStart, bodyEnd } = this;
    // In an AMQP chunk only a frame's end and the next one's head stand between the two: one copy takes them along.
    const gap = this.bodyStart - this.nativeEnd;
    if (gap < 0 || gap > gapBytesMax) {
      this.#ownApart();
      return;
    }
    const shift = this.#room(bodyEnd - nativeStart) - nativeStart;
    copyBytes(bytes, nativeStart, bodyEnd, this.bytes, nativeStart + shift);
    this.nativeStart += shift;
    this.nativeEnd += shift;
    this.bodyStart += shift;
    this.bodyEnd += shift;
  }

  #ownApart(): void {
    const { bytes, nativeStart, nativeEnd, bodyStart, bodyEnd } = this;
    const nativeBytes = nativeEnd - nativeStart;
    const start = this.#room(this.sizeBytes);
    copyBytes(bytes, nativeStart, nativeEnd, this.bytes, start);
    copyBytes(bytes, bodyStart, bodyEnd, this.bytes, start + nativeBytes);
    this.nativeStart = start;
    this.nativeEnd = start + nativeBytes;
    this.bodyStart = start + nativeBytes;
    this.bodyEnd = start + nativeBytes + bodyEnd - bodyStart;
  }

  /** Points `bytes` at memory with room for `total` and returns the place in it. */
  #room(total: number): number {
    if (total > slabMessageBytesMax) {
      this.bytes = Buffer.allocUnsafeSlow(total);
      return 0;
    }
    if (slabPosition + total > slab.length) {
      slab = Buffer.allocUnsafeSlow(slabBytes);
      slabPosition = 0;
    }
    this.bytes = slab;
    const start = slabPosition;
    slabPosition += total;
    return start;
  }

  /** A new, owned message with other properties and the same body: dead-lettering and header rewriting. */
  derive(route: Route, properties: Properties): Message {
    const native = this.format.fromProperties(properties);
    const bytes = Buffer.allocUnsafe(native.length + this.bodyBytes);
    bytes.set(native, 0);
    this.bytes.copy(bytes, native.length, this.bodyStart, this.bodyEnd);
    const message = new Message(route, this.format, bytes, 0, native.length, native.length, bytes.length);
    message.owned = true;
    message.persistent = this.persistent;
    message.priority = this.priority;
    message.expirationMs = this.expirationMs;
    message.publishedAtMs = this.publishedAtMs;
    message.extraKeys = this.extraKeys;
    return message;
  }
}
