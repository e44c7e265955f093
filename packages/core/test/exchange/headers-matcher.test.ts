import { describe, expect, test } from "vitest";
import { free } from "../fixture/free.ts";
import { Binding } from "../../src/exchange/binding.ts";
import { Exchange } from "../../src/exchange/exchange.ts";
import { HeadersMatcher } from "../../src/exchange/headers-matcher.ts";
import { sameValue } from "../../src/exchange/field-equality.ts";
import { conditionOf } from "../../src/exchange/headers-condition.ts";
import { type FieldTable, type FieldValue, findField } from "../../src/field-value.ts";
import { refusal, table, TestBroker } from "../fixture/test-broker.ts";

const spec = { durable: false, autoDelete: false, internal: false, arguments: [] };

function binding(args: FieldTable): Binding {
  return new Binding(
    new Exchange("/", "source", "headers", spec, null),
    new Exchange("/", "to", "fanout", spec, null),
    "",
    args,
    free,
  );
}

function matches(args: FieldTable, headers: FieldTable): boolean {
  const matcher = new HeadersMatcher();
  matcher.add(binding(args));
  let found = 0;
  matcher.match("", headers, () => found++);
  return found === 1;
}

/** Whether a binding's condition holds, field by field. */
function satisfies(args: FieldTable, headers: FieldTable): boolean {
  const { all, fields } = conditionOf(args);
  const holds = ([name, wanted]: readonly [string, FieldValue]): boolean => {
    const actual = findField(headers, name);
    return actual !== undefined && (wanted.kind === "void" || sameValue(wanted, actual));
  };
  return all ? fields.every(holds) : fields.some(holds);
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

  test("finds by its index what comparing every binding finds", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % below;
    };
    const values: readonly FieldValue[] = [
      { kind: "string", value: "1" },
      { kind: "binary", value: Buffer.from("1") },
      { kind: "int32", value: 1 },
      { kind: "int64", value: 1n },
      { kind: "double", value: 1 },
      { kind: "double", value: -0 },
      { kind: "int32", value: 0 },
      { kind: "boolean", value: true },
      { kind: "void" },
      { kind: "table", value: [["a", { kind: "void" }]] },
      { kind: "binary", value: Buffer.of(0xff) },
      { kind: "binary", value: Buffer.of(0xfe) },
    ];
    const fields = (count: number): FieldTable =>
      Array.from({ length: count }, () => [`f${random(12)}`, values[random(values.length)] as FieldValue] as const);
    const matcher = new HeadersMatcher();
    const bindings = new Set<Binding>();
    let matched = 0;
    for (let round = 0; round < 3000; round++) {
      if (random(3) > 0 || bindings.size === 0) {
        const word = ["all", "any"][random(2)] as string;
        const added = binding([["x-match", { kind: "string", value: word }], ...fields(random(4))]);
        matcher.add(added);
        bindings.add(added);
      } else {
        const [oldest] = bindings;
        if (oldest !== undefined) matcher.remove(oldest);
        bindings.delete(oldest as Binding);
      }
      const message = fields(random(14));
      const found = new Set<unknown>();
      matcher.match("", message, (destination) => found.add(destination));
      const expected = [...bindings].filter((one) => satisfies(one.arguments, message));
      matched += expected.length;
      expect(found).toEqual(new Set(expected.map(({ destination }) => destination)));
    }
    expect(matched).toBeGreaterThan(1000);
  });

  test("compares a message of many headers with many bindings in bounded time", () => {
    const matcher = new HeadersMatcher();
    for (let number = 0; number < 20_000; number++) {
      matcher.add(binding(table({ type: "order", region: "north", number })));
    }
    const many = table(Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`h${index}`, index])));
    const message = [...many, ...table({ type: "order", region: "north", number: 17 })];
    const startedAt = process.cpuUsage();
    let found = 0;
    for (let round = 0; round < 20; round++) matcher.match("", message, () => found++);
    expect(found).toBe(20);
    // What the turn is charged for.
    expect(matcher.compared).toBeLessThanOrEqual(3);
    // A comparison of each binding with each header takes minutes.
    expect(process.cpuUsage(startedAt).user / 1000).toBeLessThan(2000);
  });

  test.each(["all", "any"])("looks at each field once, however many bindings ask for it: %s", (word) => {
    const matcher = new HeadersMatcher();
    const fields = table(Object.fromEntries(Array.from({ length: 254 }, (_, index) => [`h${index}`, `v${index}`])));
    const args = (number: number): FieldTable => [...table({ "x-match": word }), ...fields, ...table({ number })];
    for (let number = 0; number < 2000; number++) matcher.add(binding(args(word === "all" ? 1 : number)));
    const message = [...fields, ...table({ number: 2 })];
    const startedAt = process.cpuUsage();
    let found = 0;
    for (let round = 0; round < 20; round++) matcher.match("", message, () => found++);
    expect(found).toBe(word === "all" ? 0 : 20 * 2000);
    // Half a million comparisons of values in each round took more than a second together.
    expect(process.cpuUsage(startedAt).user / 1000).toBeLessThan(600);
  });

  test("takes so many arguments of a binding and no more", async () => {
    const broker = await TestBroker.open();
    await broker.queue("q");
    const args = (count: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, 1]));
    await broker.bind("amq.headers", "q", "", args(256));
    expect(await refusal(() => broker.bind("amq.headers", "q", "", args(257)))).toBe(
      "precondition-failed: a binding to a headers exchange has more than 256 arguments",
    );
    await broker.bind("amq.topic", "q", "", args(257));
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
