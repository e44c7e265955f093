import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const saltBytes = 4;

function digest(salt: Uint8Array, password: string): Buffer {
  return createHash("sha256").update(salt).update(password, "utf8").digest();
}

/** A password as RabbitMQ keeps it: base64 of a 4-byte salt and SHA-256 over salt and UTF-8 password. */
export function hashPassword(password: string, salt: Uint8Array = randomBytes(saltBytes)): string {
  return Buffer.concat([salt, digest(salt, password)]).toString("base64");
}

/** True where `password` belongs to `hash`; false for a malformed hash. */
export function verifyPassword(password: string, hash: string): boolean {
  const bytes = Buffer.from(hash, "base64");
  if (bytes.length !== saltBytes + 32) return false;
  return timingSafeEqual(bytes.subarray(saltBytes), digest(bytes.subarray(0, saltBytes), password));
}
