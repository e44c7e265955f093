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

  test("cost the same time for somebody who is no user", () => {
    const timeMs = (hash: string | null): number => {
      const startedAt = performance.now();
      for (let count = 0; count < 50; count++) verifyPassword("x".repeat(1000), hash);
      return performance.now() - startedAt;
    };
    timeMs(known);
    // Many short measurements in turn, of which the least counts: whatever else runs only adds.
    const least = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
    for (let round = 0; round < 200; round++) {
      least.known = Math.min(least.known, timeMs(known));
      least.unknown = Math.min(least.unknown, timeMs(null));
    }
    expect(least.unknown / least.known).toBeGreaterThan(0.4);
    expect(least.unknown / least.known).toBeLessThan(2.5);
    expect(verifyPassword("", null)).toBe(false);
  });

  test.each(["", "AAAA", "not base64 at all", Buffer.alloc(37).toString("base64")])("nothing belongs to %j", (hash) => {
    expect(verifyPassword("", hash)).toBe(false);
  });
});
