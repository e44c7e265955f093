import { describe, expect, it } from "vitest";
import { MqttError } from "../src/mqtt-error.ts";
import { PropertyFacts } from "../src/property-scan.ts";
import { join, type Part, text } from "./packet-builder.ts";

const before = Buffer.from("topic");

/** Scans a block that stands within other bytes. */
function scan(...parts: readonly Part[]): { readonly facts: PropertyFacts; readonly bytes: Buffer } {
  const block = join(...parts);
  const bytes = Buffer.concat([before, block, Buffer.from("body")]);
  const facts = new PropertyFacts();
  facts.scan(bytes, before.length, before.length + block.length);
  return { facts, bytes };
}

function refusal(...parts: readonly Part[]): readonly [number, string] | null {
  try {
    scan(...parts);
    return null;
  } catch (error) {
    if (error instanceof MqttError) return [error.reasonCode, error.clause];
    throw error;
  }
}

const alias = join(0x23, 0, 5);
const expiry = join(0x02, 0x80, 0, 0, 1);
const pair = join(0x26, "name", "value");

describe("facts", () => {
  it("of a block with everything", () => {
    const { facts, bytes } = scan(
      0x01,
      1,
      expiry,
      0x03,
      "text/plain",
      0x08,
      "re/ply",
      0x09,
      text(Buffer.of(0, 255)),
      pair,
      pair,
    );
    expect(facts).toMatchObject({
      topicAlias: 0,
      expirySeconds: 0x80_00_00_01,
      payloadFormat: 1,
      hasUserProperties: true,
    });
    expect(bytes.toString("utf8", facts.contentTypeStart, facts.contentTypeEnd)).toBe("text/plain");
    expect(bytes.toString("utf8", facts.responseTopicStart, facts.responseTopicEnd)).toBe("re/ply");
    expect(bytes.toString("hex", facts.correlationDataStart, facts.correlationDataEnd)).toBe("00ff");
  });

  it("are those of the last block", () => {
    const { facts, bytes } = scan(alias, 0x01, 1, expiry, 0x03, "t", 0x08, "r", 0x09, "c", pair);
    facts.scan(bytes, 0, 0);
    expect(facts).toEqual(new PropertyFacts());
  });
});

describe("what stays with the message", () => {
  it.each([
    ["no alias", [expiry, pair], false],
    ["only an alias", [alias], false],
    ["the alias first", [alias, expiry, pair], false],
    ["the alias last", [expiry, pair, alias], false],
    ["the alias between", [expiry, alias, pair], true],
    ["nothing", [], false],
  ] as const)("with %s", (_, parts, rewritten) => {
    const { facts, bytes } = scan(...parts);
    const expected = join(...parts.filter((part) => part !== alias));
    expect(facts.mustRewrite).toBe(rewritten);
    expect(facts.nativeBytes).toBe(expected.length);
    expect(facts.topicAlias).toBe(parts.some((part) => part === alias) ? 5 : 0);
    if (!rewritten) expect(bytes.subarray(facts.nativeStart, facts.nativeEnd)).toEqual(expected);
    const target = Buffer.alloc(expected.length + 2);
    expect(facts.copyNative(bytes, target, 1)).toBe(expected.length + 1);
    expect(target).toEqual(Buffer.concat([Buffer.of(0), expected, Buffer.of(0)]));
  });
});

describe("what is refused", () => {
  it.each([
    ["a topic alias 0", [0x23, 0, 0], 0x94, "MQTT-3.3.2-8"],
    ["a subscription identifier", [0x0b, 1], 0x82, "MQTT-3.3.4-6"],
    ["a payload format 2", [0x01, 2], 0x82, "3.3.2.3.2"],
    ["a wildcard in the response topic", [0x08, "a/+"], 0x82, "MQTT-3.3.2-14"],
    ["an empty response topic", [0x08, ""], 0x82, "MQTT-4.7.3-1"],
    ["a response topic that is no text", [0x08, text(Buffer.of(0x61, 0xc0, 0x80))], 0x81, "MQTT-1.5.4-1"],
    ["a content type that is no text", [0x03, text(Buffer.of(0xed, 0xa0, 0x80))], 0x81, "MQTT-1.5.4-1"],
    ["NUL in a content type", [0x03, "a\0"], 0x81, "MQTT-1.5.4-2"],
    ["a user property name that is no text", [0x26, text(Buffer.of(0xff)), "v"], 0x81, "MQTT-1.5.4-1"],
    ["a user property value that is no text", [0x26, "n", text(Buffer.of(0xff))], 0x81, "MQTT-1.5.4-1"],
    ["a user property without a value", [0x26, "n"], 0x81, "1.5.4"],
    ["our own mark of a topic", [0x7f, "t"], 0x81, "2.2.2.2"],
    ["an identifier of two bytes", [0x81, 0x00], 0x81, "2.2.2.2"],
    ["a property of CONNECT", [0x21, 0, 1], 0x81, "2.2.2.2"],
    ["identifier 0", [0], 0x81, "2.2.2.2"],
    ["two expiries", [expiry, expiry], 0x82, "2.2.2.2"],
    ["two aliases", [alias, alias], 0x82, "2.2.2.2"],
    ["two payload formats", [0x01, 1, 0x01, 1], 0x82, "2.2.2.2"],
  ] as const)("%s", (_, parts, reasonCode, clause) => {
    expect(refusal(...parts)).toEqual([reasonCode, clause]);
  });

  it("a block that is cut within a property", () => {
    const all = [join(0x01, 1), expiry, alias, join(0x03, "type"), join(0x08, "reply"), join(0x09, "data"), pair];
    for (const property of all) {
      for (let cut = 1; cut < property.length; cut++) expect(refusal(property.subarray(0, cut))?.[0]).toBe(0x81);
      expect(refusal(property)).toBeNull();
    }
  });
});
