import { describe, expect, test } from "vitest";
import { hashPassword, verifyPassword } from "../../src/auth/password-hash.ts";

describe("password hashes", () => {
  // The worked example of RabbitMQ's page on passwords: salt 908DC60A, password test12.
  const salt = Buffer.from("908DC60A", "hex");
  const known = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";

  test("are RabbitMQ's salted SHA-256", () => {
    expect(hashPassword("test12", salt)).toBe(known);
    expect(verifyPassword("test12", known)).toBe(true);
    expect(verifyPassword("test13", known)).toBe(false);
  });

  test("differ by their salt and belong to the password's UTF-8 bytes", () => {
    const [one, two] = [hashPassword("pässwörd"), hashPassword("pässwörd")];
    expect(one).not.toBe(two);
    expect([verifyPassword("pässwörd", one), verifyPassword("password", one)]).toEqual([true, false]);
  });

  test.each(["", "AAAA", "not base64 at all", Buffer.alloc(37).toString("base64")])("nothing belongs to %j", (hash) => {
    expect(verifyPassword("", hash)).toBe(false);
  });
});
