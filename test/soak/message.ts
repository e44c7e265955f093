/** Who sent a message, and as which of its own. */
export interface Identity {
  readonly producer: string;
  readonly sequence: number;
}

const lettersBytes = 256 * 1024;
const letters: Buffer = Buffer.alloc(lettersBytes, "abcdefghijklmnopqrstuvwxyz0123456789");

/** Mostly small; some of a few pages, and some that no store keeps together with others. */
function bodyBytes(sequence: number): number {
  if (sequence % 400 === 399) return 150_000;
  if (sequence % 50 === 49) return 3000;
  return 40 + (sequence % 100);
}

/** The body of a message: its identity, and letters that depend on it. */
export function bodyOf(producer: string, sequence: number): Buffer {
  const head = `${producer}/${sequence}/`;
  const from = sequence % 36;
  return Buffer.concat([Buffer.from(head), letters.subarray(from, from + bodyBytes(sequence) - head.length)]);
}

/** Reads the identity; null where the body is not, byte for byte, the one that was sent. */
export function identityOf(body: Buffer): Identity | null {
  const nameEnd = body.indexOf("/");
  const numberEnd = body.indexOf("/", nameEnd + 1);
  if (nameEnd < 0 || numberEnd < 0) return null;
  const producer = body.toString("latin1", 0, nameEnd);
  const sequence = Number(body.toString("latin1", nameEnd + 1, numberEnd));
  return bodyOf(producer, sequence).equals(body) ? { producer, sequence } : null;
}
