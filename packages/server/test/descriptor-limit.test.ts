import { silentLogger, SystemClock } from "@jackalope/core";
import { describe, expect, test } from "vitest";
import { descriptorLimit, parseLimits } from "../src/descriptor-limit.ts";
import { openDoor } from "../src/open-door.ts";

describe("the limit of open files", () => {
  test("is what the system says", () => {
    const text = "Limit                     Soft Limit           Hard Limit           Units\n";
    expect(parseLimits(`${text}Max open files            1024                 524288               files     \n`)).toBe(
      1024,
    );
    expect(
      parseLimits(`${text}Max open files            unlimited            unlimited            files     \n`),
    ).toBeNull();
    expect(parseLimits("")).toBeNull();
    expect(descriptorLimit()).toBeGreaterThan(0);
  });

  test.each([
    ["many files", 100_000, 5, null, 5],
    ["fewer files than connections", 1024, 10_000, "descriptors", 1024 - 192],
    ["hardly any files", 100, 10_000, "descriptors", 16],
    ["a system that does not say", null, 5, null, 5],
  ] as const)("leaves the store its reserve: %s", (_, descriptors, connectionsMax, reason, expected) => {
    const settings = { connectionsMax, unauthenticatedPerAddressMax: 1_000_000 };
    const clock = new SystemClock();
    const door = openDoor(settings, clock, silentLogger, descriptors);
    while (door.enter("client", "127.0.0.1"));
    expect(door.socketCount).toBe(expected);
    expect(door.refused[reason ?? "connections"]).toBe(1);
    clock.close();
  });
});
