import { syntaxError } from "./amqp-error.ts";
import { checkFields, fieldTableEnd } from "./field-table.ts";
import { propertyFlags } from "./property-codec.ts";

/** What the broker must know of the properties of a publish, as places in the bytes. -1 is absent. */
export interface PropertyPlaces {
  persistent: boolean;
  priority: number;
  /** The text of the short string, without its length byte. */
  expirationStart: number;
  expirationEnd: number;
  replyToStart: number;
  replyToEnd: number;
  userIdStart: number;
  userIdEnd: number;
  /** A CC or BCC header is there. */
  copies: boolean;
}

/** A place for `scanProperties` to write to; reused from message to message. */
export function newPropertyPlaces(): PropertyPlaces {
  return {
    persistent: false,
    priority: 0,
    expirationStart: -1,
    expirationEnd: -1,
    replyToStart: -1,
    replyToEnd: -1,
    userIdStart: -1,
    userIdEnd: -1,
    copies: false,
  };
}

const persistentMode = 2;

/** The end of the short string at `at`; throws where it passes `end`. */
function shortStringEnd(bytes: Buffer, at: number, end: number): number {
  const stringEnd = at + 1 + (bytes[at] as number);
  // Written so that a missing length byte (undefined, hence NaN) is refused too.
  if (!(at < end && stringEnd <= end)) throw syntaxError("content properties are cut short");
  return stringEnd;
}

/** Checks the native properties between `start` and `end` and notes what the broker needs. Throws 502 SYNTAX_ERROR. */
export function scanProperties(bytes: Buffer, start: number, end: number, places: PropertyPlaces): void {
  if (end - start < 2) throw syntaxError("content header is cut short");
  const flags = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
  if ((flags & propertyFlags.continued) !== 0) throw syntaxError("content header has unknown property flags");
  let at = start + 2;
  places.persistent = false;
  places.priority = 0;
  places.copies = false;
  places.expirationStart = places.replyToStart = places.userIdStart = -1;
  if ((flags & propertyFlags.contentType) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.contentEncoding) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.headers) !== 0) {
    const tableEnd = fieldTableEnd(bytes, at, end);
    places.copies = checkFields(bytes, at + 4, tableEnd, 0);
    at = tableEnd;
  }
  if ((flags & propertyFlags.deliveryMode) !== 0) places.persistent = bytes[at++] === persistentMode;
  if ((flags & propertyFlags.priority) !== 0) places.priority = bytes[at++] as number;
  if ((flags & 0x07fc) !== 0) at = scanTail(bytes, at, end, flags, places);
  if (at !== end) throw syntaxError("content header has a wrong length");
}

function scanTail(bytes: Buffer, from: number, end: number, flags: number, places: PropertyPlaces): number {
  let at = from;
  if ((flags & propertyFlags.correlationId) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.replyTo) !== 0) {
    places.replyToStart = at + 1;
    at = places.replyToEnd = shortStringEnd(bytes, at, end);
  }
  if ((flags & propertyFlags.expiration) !== 0) {
    places.expirationStart = at + 1;
    at = places.expirationEnd = shortStringEnd(bytes, at, end);
  }
  if ((flags & propertyFlags.messageId) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.timestamp) !== 0) at += 8;
  if ((flags & propertyFlags.type) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.userId) !== 0) {
    places.userIdStart = at + 1;
    at = places.userIdEnd = shortStringEnd(bytes, at, end);
  }
  if ((flags & propertyFlags.appId) !== 0) at = shortStringEnd(bytes, at, end);
  if ((flags & propertyFlags.clusterId) !== 0) at = shortStringEnd(bytes, at, end);
  return at;
}
