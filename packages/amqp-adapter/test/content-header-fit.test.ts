import type { FieldTable, Properties } from "@jackalope/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitContentHeader } from "../src/content-header-fit.ts";
import { decodeProperties, encodeProperties } from "../src/property-codec.ts";
import { properties } from "./arbitraries.ts";

const text = (value: string) => ({ kind: "string", value }) as const;

describe("properties for a frame", () => {
  it("stay as they are where they fit", () => {
    const native = encodeProperties({ headers: [["a", text("b")]] });
    expect(fitContentHeader(native, native.length)).toBe(native);
  });

  it("lose the largest headers where they do not, and keep the order of the others", () => {
    const headers: FieldTable = [
      ["first", text("1")],
      ["large", text("x".repeat(5000))],
      ["first", text("2")],
      ["larger", text("x".repeat(200_000))],
      ["last", text("3")],
    ];
    const fitted = fitContentHeader(encodeProperties({ messageId: "m", headers }), 4084);
    expect(decodeProperties(fitted)).toEqual({
      messageId: "m",
      headers: [
        ["first", text("1")],
        ["first", text("2")],
        ["last", text("3")],
      ],
    });
  });

  it("fit, whatever they are", () => {
    const manyHeaders = fc.array(fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 300 }).map(text)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(properties, manyHeaders, (value, more) => {
        const whole: Properties = { ...value, headers: [...(value.headers ?? []), ...more] };
        const bareBytes = encodeProperties({ ...value, headers: [] }).length;
        expect(fitContentHeader(encodeProperties(whole), bareBytes + 100).length).toBeLessThanOrEqual(bareBytes + 100);
      }),
    );
  });
});
