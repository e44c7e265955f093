import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { DurabilityPromises } from "../src/durability-promises.ts";
import { Turn } from "../src/turn.ts";

const settle = async (): Promise<void> => {
  for (let count = 0; count < 4; count++) await Promise.resolve();
};

test("very many that wait for the watermark are told turn by turn, in their order, and nobody before it", async () => {
  const turn = new Turn(new FakeClock(), 2);
  const promises = new DurabilityPromises(turn);
  const told: number[] = [];
  for (let lsn = 1; lsn <= 1000; lsn++) void promises.add(lsn).then(() => told.push(lsn));
  promises.advanced(300);
  await settle();
  expect(told).toHaveLength(256);
  promises.advanced(900);
  const counts: number[] = [];
  for (let turns = 0; turns < 5; turns++) {
    turn.end();
    await settle();
    counts.push(told.length);
  }
  expect(counts).toEqual([512, 768, 900, 900, 900]);
  void promises.add(1001).then(() => told.push(1001));
  promises.advanced(2000);
  await settle();
  expect(told).toEqual(Array.from({ length: 1001 }, (_, index) => index + 1));
});
