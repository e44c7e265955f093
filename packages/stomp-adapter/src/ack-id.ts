/** What an acknowledgement names. */
export interface AckId {
  /** Number of the subscription in its connection. */
  subscription: number;
  deliveryTag: number;
}

const at = 0x40;
const digitZero = 0x30;
const digitsMax = 15;
const numbersMax = 1e15;

/** Reused: the caller reads it before the next call. */
const found: AckId = { subscription: 0, deliveryTag: 0 };
/** Where the digits that were read last begin. */
let digitsStart = 0;

/**
 * Reads `subscription@tag` (the `ack` header of a MESSAGE) or `session@subscription@tag` (its `message-id`). Null for
 * what is neither, or is of another session.
 */
export function parseAckId(bytes: Buffer, start: number, end: number, session: string): AckId | null {
  found.deliveryTag = digitsBefore(bytes, start, end);
  if (found.deliveryTag < 0 || digitsStart === start || bytes[digitsStart - 1] !== at) return null;
  found.subscription = digitsBefore(bytes, start, digitsStart - 1);
  if (found.subscription < 0) return null;
  if (digitsStart === start) return found;
  if (bytes[digitsStart - 1] !== at || digitsStart - 1 - start !== session.length) return null;
  return bytes.toString("latin1", start, digitsStart - 1) === session ? found : null;
}

/** The number whose last digit stands before `end`, -1 where there is none. */
function digitsBefore(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  let scale = 1;
  let position = end;
  while (position > start && end - position < digitsMax) {
    const digit = (bytes[position - 1] as number) - digitZero;
    if (digit < 0 || digit > 9) break;
    value += digit * scale;
    scale *= 10;
    position--;
  }
  digitsStart = position;
  return position === end || value >= numbersMax ? -1 : value;
}
