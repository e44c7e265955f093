import { describe, expect, test } from "vitest";
import { Binding } from "../../src/exchange/binding.ts";
import { Exchange } from "../../src/exchange/exchange.ts";
import { HeadersMatcher } from "../../src/exchange/headers-matcher.ts";
import type { FieldTable } from "../../src/field-value.ts";
import { refusal, table } from "../fixture/test-broker.ts";

const spec = { durable: false, autoDelete: false, internal: false, arguments: [] };

function binding(args: FieldTable): Binding {
  return new Binding(new Exchange("/", "source", "headers", spec), new Exchange("/", "to", "fanout", spec), "", args);
}

function matches(args: FieldTable, headers: FieldTable): boolean {
  const matcher = new HeadersMatcher();
  matcher.add(binding(args));
  let found = 0;
  matcher.match("", headers, () => found++);
  return found === 1;
}

describe("HeadersMatcher", () => {
  const headers = table({ color: "red", size: 3, "x-trace": "on" });

  test.each([
    ["no arguments match everything", table({}), true],
    ["all is the default", table({ color: "red", size: 4 }), false],
    ["all: every argument is there", table({ "x-match": "all", color: "red", size: 3 }), true],
    ["any: one is enough", table({ "x-match": "any", color: "blue", size: 3 }), true],
    ["any without arguments matches nothing", table({ "x-match": "any" }), false],
    ["any: none of them", table({ "x-match": "any", color: "blue", size: 4 }), false],
    ["a void argument asks for presence", table({ color: { kind: "void" } }), true],
    ["a void argument of an absent header", table({ shape: { kind: "void" } }), false],
    ["x- arguments are left out", table({ "x-match": "all", "x-trace": "off", color: "red" }), true],
    ["any with only x- arguments matches nothing", table({ "x-match": "any", "x-trace": "on" }), false],
    ["all-with-x reads them", table({ "x-match": "all-with-x", "x-trace": "off", color: "red" }), false],
    ["any-with-x reads them", table({ "x-match": "any-with-x", "x-trace": "on", color: "blue" }), true],
    ["integers compare by value, not by width", table({ size: { kind: "int64", value: 3n } }), true],
    ["numbers of every kind compare by value", table({ size: { kind: "double", value: 3 } }), true],
    ["a number that is not the same", table({ size: { kind: "double", value: 3.5 } }), false],
    ["text and bytes compare by their bytes", table({ color: { kind: "binary", value: Buffer.from("red") } }), true],
    ["text is no number", table({ size: "3" }), false],
    ["true is no number", table({ size: true }), false],
  ])("%s", (_, args, expected) => {
    expect(matches(args, headers)).toBe(expected);
  });

  test("an unknown x-match is refused in RabbitMQ's words", async () => {
    expect(await refusal(() => new HeadersMatcher().add(binding(table({ "x-match": "some" }))))).toBe(
      'precondition-failed: Invalid x-match field value "some"; expected all, any, all-with-x, or any-with-x',
    );
    expect(await refusal(() => new HeadersMatcher().add(binding(table({ "x-match": 1 }))))).toBe(
      "precondition-failed: Invalid x-match field type signedint (value 1); expected longstr",
    );
  });

  test("a removed binding matches nothing", () => {
    const matcher = new HeadersMatcher();
    const bound = binding([]);
    matcher.add(bound);
    matcher.remove(bound);
    matcher.match("", headers, () => expect.fail("matched"));
  });
});
