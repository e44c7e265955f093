import { randomBytes } from "node:crypto";

/** A name made by the broker: the prefix and 22 characters of base64url, as RabbitMQ makes them. */
export function newName(prefix: string): string {
  return prefix + randomBytes(16).toString("base64url");
}
