import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkFields, decodeFieldTable, fieldDepthMax } from "../src/field-table.ts";
import { fieldTableBytes, writeFieldTable } from "../src/field-table-writer.ts";
import { fieldTable } from "./arbitraries.ts";
import { longString, shortString } from "./raw-client.ts";

function encode(table: Parameters<typeof writeFieldTable>[0]): Buffer {
  const bytes = Buffer.alloc(fieldTableBytes(table));
  expect(writeFieldTable(table, bytes, 0)).toBe(bytes.length);
  return bytes;
}

/** `levels` tables in one another. */
function nested(levels: number): Buffer {
  let table = longString(Buffer.alloc(0));
  for (let level = 1; level < levels; level++)
    table = longString(Buffer.concat([shortString("a"), Buffer.from("F"), table]));
  return table;
}

describe("field tables", () => {
  it("come back from their bytes as they were, every width kept", () => {
    fc.assert(
      fc.property(fieldTable, (table) => {
        const bytes = encode(table);
        expect(decodeFieldTable(bytes, 0, bytes.length)).toEqual(table);
      }),
    );
  });

  it("are refused at every cut, never read past their end", () => {
    fc.assert(
      fc.property(fieldTable, (table) => {
        const bytes = encode(table);
        for (let cut = 0; cut < bytes.length; cut++)
          expect(() => decodeFieldTable(bytes.subarray(0, cut), 0, cut)).toThrow(/field table/);
      }),
      { numRuns: 30 },
    );
  });

  it("are refused or read when any byte is wrong, and nothing else happens", () => {
    fc.assert(
      fc.property(fieldTable, fc.nat(), fc.nat(255), (table, place, value) => {
        const bytes = encode(table);
        bytes[place % bytes.length] = value;
        try {
          const decoded = decodeFieldTable(bytes, 0, bytes.length);
          expect(Array.isArray(decoded)).toBe(true);
        } catch (error) {
          expect((error as Error).name).toBe("AmqpError");
        }
      }),
    );
  });

  it("read L as a signed 64 bit integer and s as a signed 16 bit one, as RabbitMQ does", () => {
    const fields = Buffer.concat([
      shortString("a"),
      Buffer.from("L"),
      Buffer.alloc(8, 0xff),
      shortString("b"),
      Buffer.from("s\xff\xfe", "latin1"),
    ]);
    expect(decodeFieldTable(longString(fields), 0, fields.length + 4)).toEqual([
      ["a", { kind: "int64", value: -1n }],
      ["b", { kind: "int16", value: -2 }],
    ]);
  });

  it("may be nested up to the named depth and no further", () => {
    const deepest = nested(fieldDepthMax);
    expect(decodeFieldTable(deepest, 0, deepest.length)).toHaveLength(1);
    const deeper = nested(fieldDepthMax + 1);
    expect(() => decodeFieldTable(deeper, 0, deeper.length)).toThrow(`nested deeper than ${fieldDepthMax}`);
    const absurd = nested(10_000);
    expect(() => decodeFieldTable(absurd, 0, absurd.length)).toThrow("nested deeper");
  });

  it("with arrays in arrays end at the same depth", () => {
    let array = Buffer.concat([Buffer.from("A"), longString(Buffer.alloc(0))]);
    for (let level = 0; level < 5000; level++) array = Buffer.concat([Buffer.from("A"), longString(array)]);
    const table = longString(Buffer.concat([shortString("a"), array]));
    expect(() => decodeFieldTable(table, 0, table.length)).toThrow("nested deeper");
  });

  it.each([
    ["CC", true],
    ["BCC", true],
    ["cc", false],
    ["BC", false],
    ["XCC", false],
    ["CCC", false],
  ])("notice a field named %s: %s", (name, noticed) => {
    const fields = Buffer.concat([shortString("x"), Buffer.from("V"), shortString(name), Buffer.from("V")]);
    expect(checkFields(fields, 0, fields.length, 0)).toBe(noticed);
  });
});
