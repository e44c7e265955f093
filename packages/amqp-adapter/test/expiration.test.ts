import { describe, expect, it } from "vitest";
import { expirationOf } from "../src/expiration.ts";

describe("an expiration", () => {
  it.each([
    ["0", 0],
    ["60000", 60_000],
    ["+5", 5],
    ["007", 7],
    ["315360000000", 315_360_000_000],
  ])("of %s is %d ms", (text, ms) => {
    expect(expirationOf(text)).toBe(ms);
  });

  it.each([
    ["", "no_integer"],
    ["abc", "no_integer"],
    [" 5", "no_integer"],
    ["-1", "{value_negative,-1}"],
    ["315360000001", "{value_too_large,315360000001}"],
    ["5.5", '{leftover_string,".5"}'],
    ["5\n", '{leftover_string,"\n"}'],
  ])("of %j is refused in RabbitMQ's words", (text, problem) => {
    expect(expirationOf(text)).toEqual({ problem });
  });
});
