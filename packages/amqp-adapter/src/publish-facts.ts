import { AmqpError, replyCodes } from "./amqp-error.ts";
import { expirationOf } from "./expiration.ts";
import { directReplyQueue } from "./mapping.ts";
import { newPropertyPlaces, scanProperties } from "./property-scan.ts";
import { sameBytes } from "./recent-routes.ts";

/** Longer property lists are scanned anew each time. */
const memoBytesMax = 256;
const directReplyBytes = Buffer.from(directReplyQueue);
const places = newPropertyPlaces();

/**
 * What the broker must know of the properties of the publish at hand. Publishers repeat their properties as they
 * repeat their routes, so the bytes are compared with the last ones before they are read.
 */
export class PublishFacts {
  persistent = false;
  priority = 0;
  /** -1 where the sender set none. */
  expirationMs = -1;
  /** Something is there that `check` or a rewrite must look at. */
  special = false;
  /** The text of an expiration that is not a number of milliseconds. */
  #badExpiration: string | null = null;
  #userId: string | null = null;
  /** The reply-to asks for this channel's direct reply address. */
  directReply = false;
  #copies = false;
  #memo: Buffer | null = null;
  #memoBytes = -1;

  /** True where the neutral properties must be decoded to go on. */
  get needsProperties(): boolean {
    return this.directReply || this.#copies;
  }

  /** Reads the native properties between `start` and `end`. Throws 502 where they are not sound. */
  read(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === this.#memoBytes) {
      const memo = this.#memo as Buffer;
      let index = 0;
      while (index < length && memo[index] === bytes[start + index]) index++;
      if (index === length) return;
    }
    this.#memoBytes = -1;
    scanProperties(bytes, start, end, places);
    this.persistent = places.persistent;
    this.priority = places.priority;
    this.expirationMs = -1;
    this.special = places.copies || places.expirationStart >= 0 || places.replyToStart >= 0 || places.userIdStart >= 0;
    if (this.special) this.#readSpecial(bytes);
    if (length <= memoBytesMax) this.#remember(bytes, start, end);
  }

  #remember(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#memo === null || this.#memo.length < length)
      this.#memo = Buffer.allocUnsafe(Math.min(memoBytesMax, Math.max(32, length * 2)));
    const memo = this.#memo;
    for (let index = 0; index < length; index++) memo[index] = bytes[start + index] as number;
    this.#memoBytes = length;
  }

  #readSpecial(bytes: Buffer): void {
    this.#badExpiration = null;
    this.#userId = null;
    this.#copies = places.copies;
    this.directReply =
      places.replyToStart >= 0 && sameBytes(directReplyBytes, bytes, places.replyToStart, places.replyToEnd);
    if (places.expirationStart >= 0) {
      const text = bytes.toString("utf8", places.expirationStart, places.expirationEnd);
      const expiration = expirationOf(text);
      if (typeof expiration === "number") this.expirationMs = expiration;
      else this.#badExpiration = `invalid expiration '${text}': ${expiration.problem}`;
    }
    if (places.userIdStart >= 0) this.#userId = bytes.toString("utf8", places.userIdStart, places.userIdEnd);
    this.special = this.directReply || this.#copies || this.#badExpiration !== null || this.#userId !== null;
  }

  /** Throws 406 where the user-id is not the publisher's own or the expiration is no number. */
  check(userName: string, impersonator: boolean): void {
    if (this.#userId !== null && this.#userId !== userName && !impersonator) {
      const text = `user_id property set to '${this.#userId}' but authenticated user was '${userName}'`;
      throw new AmqpError(replyCodes.preconditionFailed, text);
    }
    if (this.#badExpiration !== null) throw new AmqpError(replyCodes.preconditionFailed, this.#badExpiration);
  }
}
