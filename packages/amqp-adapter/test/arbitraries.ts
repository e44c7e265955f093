import type { FieldTable, FieldValue, Properties } from "@jackalope/core/adapter";
import fc from "fast-check";
import type { ArgumentType, MethodDefinition } from "../src/methods/definition.ts";

const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const text = (bytesMax: number): fc.Arbitrary<string> =>
  fc.string({ unit: "grapheme", maxLength: bytesMax }).filter((value) => Buffer.byteLength(value) <= bytesMax);
/** Text whose UTF-8 form is the text again: no lone surrogates. */
const shortText: fc.Arbitrary<string> = text(255).filter((value) => value.isWellFormed());
const notUtf8 = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Uint8Array.of(0xff, ...bytes));

const { value: anyValue } = fc.letrec<{ value: FieldValue; table: FieldTable }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("boolean" as const), value: fc.boolean() }),
    fc.record({ kind: fc.constant("int8" as const), value: int(-0x80, 0x7f) }),
    fc.record({ kind: fc.constant("uint8" as const), value: int(0, 0xff) }),
    fc.record({ kind: fc.constant("int16" as const), value: int(-0x8000, 0x7fff) }),
    fc.record({ kind: fc.constant("uint16" as const), value: int(0, 0xffff) }),
    fc.record({ kind: fc.constant("int32" as const), value: int(-0x8000_0000, 0x7fff_ffff) }),
    fc.record({ kind: fc.constant("uint32" as const), value: int(0, 0xffff_ffff) }),
    fc.record({ kind: fc.constant("int64" as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ kind: fc.constant("float" as const), value: fc.float() }),
    fc.record({ kind: fc.constant("double" as const), value: fc.double() }),
    fc.record({ kind: fc.constant("decimal" as const), scale: int(0, 255), value: int(0, 0xffff_ffff) }),
    fc.record({ kind: fc.constant("string" as const), value: shortText }),
    fc.record({ kind: fc.constant("opaque-string" as const), value: notUtf8 }),
    fc.record({ kind: fc.constant("binary" as const), value: fc.uint8Array() }),
    fc.record({ kind: fc.constant("timestamp" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ kind: fc.constant("void" as const) }),
    fc.record({ kind: fc.constant("array" as const), value: fc.array(tie("value"), { maxLength: 4 }) }),
    fc.record({ kind: fc.constant("table" as const), value: tie("table") }),
  ),
  table: fc.array(fc.tuple(shortText, tie("value")), { maxLength: 4 }),
}));

export const fieldTable: fc.Arbitrary<FieldTable> = fc.array(fc.tuple(shortText, anyValue), { maxLength: 8 });

const shortTexts = {
  contentType: shortText,
  contentEncoding: shortText,
  correlationId: shortText,
  replyTo: shortText,
  expiration: shortText,
  messageId: shortText,
  type: shortText,
  userId: shortText,
  appId: shortText,
  clusterId: shortText,
};

export const properties: fc.Arbitrary<Properties> = fc.record(
  {
    ...shortTexts,
    headers: fieldTable,
    deliveryMode: int(0, 255),
    priority: int(0, 255),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  },
  { requiredKeys: [] },
);

const byType: { [T in ArgumentType]: fc.Arbitrary<unknown> } = {
  bit: fc.boolean(),
  octet: int(0, 0xff),
  short: int(0, 0xffff),
  long: int(0, 0xffff_ffff),
  longlong: fc.maxSafeNat(),
  shortstr: shortText,
  longstr: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  table: fieldTable,
};

/** Arguments for one method. */
export function argumentsOf(definition: MethodDefinition): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(Object.entries(definition.fields).map(([name, type]) => [name, byType[type]])));
}
