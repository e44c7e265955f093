import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldTableFromJson, fieldTableText, fieldTableToJson } from "../src/field-table-text.ts";
import type { FieldTable, FieldValue } from "../src/field-value.ts";

const bytes = fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array));

const { value } = fc.letrec<{ value: FieldValue; table: FieldTable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant("boolean" as const), value: fc.boolean() }),
    fc.record({ kind: fc.constantFrom("int8" as const, "uint16" as const, "int32" as const), value: fc.nat(127) }),
    fc.record({
      kind: fc.constantFrom("int64" as const, "timestamp" as const),
      value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    }),
    fc.record({ kind: fc.constantFrom("float" as const, "double" as const), value: fc.double() }),
    fc.record({ kind: fc.constant("decimal" as const), scale: fc.nat(255), value: fc.nat() }),
    fc.record({ kind: fc.constant("string" as const), value: fc.string() }),
    fc.record({ kind: fc.constantFrom("opaque-string" as const, "binary" as const), value: bytes }),
    fc.constant({ kind: "void" as const }),
    fc.record({ kind: fc.constant("array" as const), value: fc.array(tie("value"), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("table" as const), value: tie("table") }),
  ) as fc.Arbitrary<FieldValue>,
  table: fc.array(fc.tuple(fc.string({ maxLength: 4 }), tie("value")), { maxLength: 3 }),
}));
const tables = fc.array(fc.tuple(fc.string({ maxLength: 6 }), value), { maxLength: 6 });

describe("field tables as JSON", () => {
  test("come back from JSON text with every kind, width and byte intact", () => {
    fc.assert(
      fc.property(tables, (table) => {
        const text = JSON.stringify(fieldTableToJson(table));
        expect(fieldTableFromJson(JSON.parse(text))).toEqual(table);
      }),
      { numRuns: 500 },
    );
  });

  test("have the same text in whatever order their fields stand, and another one for another value", () => {
    fc.assert(
      fc.property(tables, value, (table, extra) => {
        expect(fieldTableText([...table].reverse())).toBe(fieldTableText(table));
        expect(fieldTableText([...table, ["x", extra]])).not.toBe(fieldTableText(table));
      }),
    );
    expect(fieldTableText([["a", { kind: "int8", value: 1 }]])).not.toBe(
      fieldTableText([["a", { kind: "int16", value: 1 }]]),
    );
  });
});
