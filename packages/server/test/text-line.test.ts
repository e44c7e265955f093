import { expect, test } from "vitest";
import { textLine } from "../src/text-line.ts";

test("a JSON line becomes a readable one, with text in quotes where it has blanks", () => {
  const line = {
    level: "warn",
    time: "2026-01-02T03:04:05.678Z",
    a: 1,
    b: "two words",
    c: "plain",
    d: null,
    msg: "said",
  };
  expect(textLine(JSON.stringify(line))).toBe('03:04:05.678 warn  said a=1 b="two words" c=plain d=null\n');
});
