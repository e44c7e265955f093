import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { nth } from "../harness/nth.ts";
import { freshName } from "../harness/target.ts";
import { type AtMost, expectedFields, type Fields, protocolTitles, type Row, type Value } from "./conversion/rows.ts";
import { conversionTable } from "./conversion-table.ts";
import { type ConnectedPair, connectPair, type Pair, pairs } from "./participants/connect-participant.ts";
import { addressOf } from "./participants/participant.ts";

/** Seconds, or other whole numbers, that may pass while a test runs. */
const slack = 15;

const rows = conversionTable.flatMap((section) => section.rows);
const plainRows = rows.filter((row) => row.withOrigin !== true);
const originRows = rows.filter((row) => row.withOrigin === true);

function matcher(value: Value): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("atMost" in value) {
    const { atMost } = value as AtMost;
    return expect.toSatisfy((actual: number) => actual <= atMost && actual > atMost - slack);
  }
  return "of" in value ? expect.any(String) : value;
}

function matchers(fields: Fields): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, matcher(value)]));
}

/** Rows that somebody of that protocol can say. */
function sayable(candidates: readonly Row[], { from }: Pair): readonly Row[] {
  return candidates.filter((row) => typeof row.sent[from] !== "string");
}

function describePair(pair: Pair, candidates: readonly Row[], targets: ReadonlyMap<string, InteropTarget>): void {
  const { engine, from, to } = pair;
  describe(`from ${protocolTitles[from]} to ${protocolTitles[to]}, ${engine}`, () => {
    let connected: ConnectedPair;
    beforeAll(async () => {
      const target = targets.get(engine);
      if (target === undefined) throw new Error(`no broker for ${engine}`);
      connected = await connectPair(pair, target);
    });
    afterAll(() => connected.close());

    test.each(sayable(candidates, pair).map((row) => [row.title, row] as const))("%s", async (_title, row) => {
      const address = addressOf(`${freshName("conversion").replaceAll(".", "-")}/x`);
      const inbox = await connected.receiver.receive(address);
      await connected.sender.send(address, row.sent[from] as Fields, "body");
      const message = nth(await inbox.first(1), 0);
      expect(message.body.toString()).toBe("body");
      expect(message.fields).toEqual(matchers(expectedFields(row, from, to)));
    });
  });
}

describe.each([
  ["the table", plainRows, {}],
  ["the table with origin-headers", originRows, { originHeaders: true }],
] as const)("%s", (_what, candidates, options) => {
  const targets = new Map<string, InteropTarget>();
  beforeAll(async () => {
    for (const engine of ["native", "aedes"] as const) targets.set(engine, await startInteropTarget(engine, options));
  });
  afterAll(async () => {
    for (const target of targets.values()) await target.close();
  });
  for (const pair of pairs) describePair(pair, candidates, targets);
});
