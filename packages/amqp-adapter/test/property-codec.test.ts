import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amqpFormat } from "../src/mapping.ts";
import { decodeProperties, encodeProperties } from "../src/property-codec.ts";
import { newPropertyPlaces, scanProperties } from "../src/property-scan.ts";
import { properties } from "./arbitraries.ts";

describe("basic properties", () => {
  it("come back from their bytes as they were", () => {
    fc.assert(
      fc.property(properties, (value) => {
        expect(decodeProperties(encodeProperties(value))).toEqual(value);
      }),
    );
  });

  it("are scanned to what a decode says", () => {
    fc.assert(
      fc.property(properties, fc.nat(20), (value, offset) => {
        const native = encodeProperties(value);
        const bytes = Buffer.concat([Buffer.alloc(offset, 7), native, Buffer.alloc(3, 9)]);
        const places = newPropertyPlaces();
        scanProperties(bytes, offset, offset + native.length, places);
        const textAt = (start: number, end: number): string | undefined =>
          start < 0 ? undefined : bytes.toString("utf8", start, end);
        expect(places.persistent).toBe(value.deliveryMode === 2);
        expect(places.priority).toBe(value.priority ?? 0);
        expect(textAt(places.expirationStart, places.expirationEnd)).toBe(value.expiration);
        expect(textAt(places.replyToStart, places.replyToEnd)).toBe(value.replyTo);
        expect(textAt(places.userIdStart, places.userIdEnd)).toBe(value.userId);
        expect(places.copies).toBe((value.headers ?? []).some(([name]) => name === "CC" || name === "BCC"));
      }),
    );
  });

  it("are refused at every cut", () => {
    fc.assert(
      fc.property(properties, (value) => {
        const native = encodeProperties(value);
        for (let cut = 0; cut < native.length; cut++)
          expect(() => scanProperties(native.subarray(0, cut), 0, cut, newPropertyPlaces())).toThrow();
      }),
      { numRuns: 30 },
    );
  });

  it("with bytes left over or unknown flags are refused", () => {
    const scan = (bytes: Buffer) => () => scanProperties(bytes, 0, bytes.length, newPropertyPlaces());
    expect(scan(Buffer.of(0, 0, 1))).toThrow("wrong length");
    expect(scan(Buffer.of(0, 1, 0, 0))).toThrow("unknown property flags");
  });

  it("of no bytes at all are empty", () => {
    expect(amqpFormat.toProperties(new Uint8Array(0))).toEqual({});
  });

  it("too long for a short string move to a header where an identifier, and go otherwise", () => {
    const long = "é".repeat(200);
    expect(
      decodeProperties(encodeProperties({ correlationId: long, messageId: long, appId: long, type: "t" })),
    ).toEqual({
      type: "t",
      headers: [
        ["x-correlation-id", { kind: "string", value: long }],
        ["x-message-id", { kind: "string", value: long }],
      ],
    });
  });
});
