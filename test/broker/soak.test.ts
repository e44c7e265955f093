import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { reportOf } from "../soak/report.ts";
import { runSoak, type SoakOptions, type SoakResult } from "../soak/soak.ts";

/** One round of faults. A seed each, so that a run can be repeated; what is checked does not depend on it. */
const round: SoakOptions = {
  store: "redis",
  seed: 5,
  milliseconds: 0,
  only: [],
  perSecond: 150,
  leaseMs: 1500,
  program: fileURLToPath(new URL("../../bin/jackalope", import.meta.url)),
  directory: null,
  note: () => undefined,
};
const boundMs = 600_000;

function expectKept(result: SoakResult): void {
  expect(result.ledger.accusations, reportOf(result)).toEqual([]);
  for (const producer of result.ledger.producers) expect(producer.confirmed).toBeGreaterThan(0);
  for (const queue of result.ledger.queues) expect(queue.delivered).toBeGreaterThan(0);
}

test("two brokers on one Redis keep every promise while they, Redis and the network between fail", {
  timeout: boundMs,
}, async () => {
  const only = [
    "kill -9 of the leading broker",
    "kill -9 of Redis",
    "SIGSTOP of the leading broker past its lease",
    "clean end of the leading broker",
    "CLIENT PAUSE",
    "connections to Redis",
    "the leading broker cut off from Redis past its lease",
    "answers of Redis held back, and lost",
  ];
  const result = await runSoak({ ...round, only });
  expectKept(result);
  expect(result.tally.takeOvers.length).toBeGreaterThanOrEqual(6);
});

test("one broker on its data folder keeps every promise while it is killed", { timeout: boundMs }, async () => {
  const result = await runSoak({ ...round, store: "embedded" });
  expectKept(result);
  expect(result.tally.takeOvers.length).toBe(3);
});
