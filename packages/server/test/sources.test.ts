import { Broker, MemoryStorage, SystemClock } from "@jackalope/core";
import { expect, test } from "vitest";

test("tests run the sources of every package, not what was built from them", async () => {
  const clock = new SystemClock();
  clock.nowMs = () => {
    throw new Error("here");
  };
  const failure = await Broker.open({ storage: new MemoryStorage(), clock }).then(
    () => "opened",
    (error: unknown) => (error instanceof Error ? (error.stack ?? "") : ""),
  );
  expect(failure).toContain("/packages/core/src/broker.ts:");
});
