import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MqttError } from "../src/mqtt-error.ts";
import { checkTopicFilter, checkTopicName, parseSharedFilter } from "../src/topic-rules.ts";
import { checkText, isUtf8Range } from "../src/utf8.ts";

function refusal(run: () => unknown): readonly [number, string] | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof MqttError) return [error.reasonCode, error.clause];
    throw error;
  }
}

function checkName(bytes: Uint8Array): readonly [number, string] | null {
  const within = Buffer.concat([Buffer.of(0xff), bytes, Buffer.of(0x80)]);
  return refusal(() => checkTopicName(within, 1, within.length - 1));
}

describe("topic names", () => {
  it.each([
    "a",
    "/",
    "//",
    "a/b",
    " ",
    "$SYS/x",
    "a\u0001",
    "é/ü",
    "€",
    "😀",
    "\uFEFF",
    "\uFFFF",
    "!\"$%&'()*,-.",
    "~\x7f",
  ])("%j is one", (name) => {
    expect(checkName(Buffer.from(name))).toBeNull();
  });

  it.each([
    ["", 0x82, "MQTT-4.7.3-1"],
    ["#", 0x90, "MQTT-3.3.2-2"],
    ["a/+", 0x90, "MQTT-3.3.2-2"],
    ["a#b", 0x90, "MQTT-3.3.2-2"],
    ["a\0", 0x81, "MQTT-1.5.4-2"],
  ] as const)("%j is none", (name, reasonCode, clause) => {
    expect(checkName(Buffer.from(name))).toEqual([reasonCode, clause]);
  });

  it("is text exactly where Node says so", () => {
    // Bytes around the borders of the encoding, and valid text, put together at random.
    const borders = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
    );
    const characters = fc
      .constantFrom("é", "€", "😀", "\uD7FF", "\uE000", "\u{10FFFF}")
      .map((text) => [...Buffer.from(text)]);
    const parts = fc.array(
      fc.oneof(
        borders.map((byte) => [byte]),
        characters,
      ),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(parts, (arrays) => {
        const bytes = Buffer.from(arrays.flat());
        const expected = isUtf8(bytes) ? null : [0x81, "MQTT-1.5.4-1"];
        expect(checkName(bytes)).toEqual(expected);
        expect(refusal(() => checkText(bytes, 0, bytes.length, "it"))).toEqual(expected);
        expect(isUtf8Range(Buffer.concat([bytes, Buffer.of(0xff)]), 0, bytes.length)).toBe(expected === null);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("topic filters", () => {
  it.each(["a", "#", "+", "/", "a/#", "/#", "+/#", "+/a/+", "a/+/b", "/+", "+/", "$SYS/#", "a b"])(
    "%j is one",
    (filter) => {
      expect(refusal(() => checkTopicFilter(filter))).toBeNull();
    },
  );

  it.each([
    ["", "MQTT-4.7.3-1"],
    ["a\0", "MQTT-4.7.3-2"],
    ["a#", "MQTT-4.7.1-1"],
    ["#/a", "MQTT-4.7.1-1"],
    ["a/#/b", "MQTT-4.7.1-1"],
    ["a/#/", "MQTT-4.7.1-1"],
    ["##", "MQTT-4.7.1-1"],
    ["#a", "MQTT-4.7.1-1"],
    ["a+", "MQTT-4.7.1-2"],
    ["+a", "MQTT-4.7.1-2"],
    ["+/b+/c", "MQTT-4.7.1-2"],
    ["++", "MQTT-4.7.1-2"],
    ["+#", "MQTT-4.7.1-1"],
  ])("%j is none", (filter, clause) => {
    expect(refusal(() => checkTopicFilter(filter))).toEqual([0x8f, clause]);
  });
});

describe("shared filters", () => {
  it.each([
    ["$share/g/a", { group: "g", filter: "a" }],
    ["$share/group/a/+/#", { group: "group", filter: "a/+/#" }],
    ["$share/g//", { group: "g", filter: "/" }],
    ["$share", null],
    ["$shared/g/a", null],
    ["a/$share/g/a", null],
  ])("%j", (text, expected) => {
    expect(parseSharedFilter(text)).toEqual(expected);
  });

  it.each([
    ["$share/", "MQTT-4.8.2-1"],
    ["$share//a", "MQTT-4.8.2-1"],
    ["$share/g+/a", "MQTT-4.8.2-2"],
    ["$share/#/a", "MQTT-4.8.2-2"],
    ["$share/g", "MQTT-4.8.2-2"],
    ["$share/g/", "MQTT-4.8.2-2"],
  ])("%j is refused", (text, clause) => {
    expect(refusal(() => parseSharedFilter(text))).toEqual([0x8f, clause]);
  });
});
