import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const saltBytes = 4;

function digest(salt: Uint8Array, password: string): Buffer {
  return createHash("sha256").update(salt).update(password, "utf8").digest();
}

/** A password as RabbitMQ keeps it: base64 of a 4-byte salt and SHA-256 over salt and UTF-8 password. */
export function hashPassword(password: string, salt: Uint8Array = randomBytes(saltBytes)): string {
  return Buffer.concat([salt, digest(salt, password)]).toString("base64");
}

/** Stands where there is no hash. Nothing belongs to it: whatever is compared with it is refused. */
const noHash = Buffer.alloc(saltBytes + 32);

/**
 * True where `password` belongs to `hash`; false for a malformed hash, and for null, which is nobody's. All of these cost
 * the same time, so that nobody learns by it who is a user.
 */
export function verifyPassword(password: string, hash: string | null): boolean {
  const bytes = Buffer.from(hash ?? "", "base64");
  const isHash = bytes.length === saltBytes + 32;
  const known = isHash ? bytes : noHash;
  return timingSafeEqual(known.subarray(saltBytes), digest(known.subarray(0, saltBytes), password)) && isHash;
}
