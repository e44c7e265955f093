import { describe, expect, it } from "vitest";
import { Confirmations } from "../src/confirmations.ts";

function taken(confirmations: Confirmations, sequence: number): (readonly [number, number, number])[] {
  const entries: (readonly [number, number, number])[] = [];
  while (confirmations.take(sequence)) {
    entries.push([confirmations.type, confirmations.packetId, confirmations.reasonCode]);
  }
  return entries;
}

describe("confirmations", () => {
  it("come back in the order in which they were entered, up to the number of the confirm", () => {
    const confirmations = new Confirmations();
    confirmations.expect(4, 1, 0);
    confirmations.expect(5, 0xffff, 0x97);
    confirmations.expect(7, 3, 0x10);
    expect(taken(confirmations, 0)).toEqual([]);
    expect(taken(confirmations, 2)).toEqual([
      [4, 1, 0],
      [5, 0xffff, 0x97],
    ]);
    expect(confirmations.count).toBe(1);
    expect(taken(confirmations, 3)).toEqual([[7, 3, 0x10]]);
    expect(taken(confirmations, 9)).toEqual([]);
  });

  it("keep their order while the ring grows and goes round", () => {
    const confirmations = new Confirmations();
    let entered = 0;
    let confirmed = 0;
    for (const [count, upTo] of [
      [20, 15],
      [100, 60],
      [900, 1020],
      [64, 1084],
    ] as const) {
      for (let index = 0; index < count; index++) confirmations.expect(4, (++entered % 0xffff) + 1, 0);
      for (const [, packetId] of taken(confirmations, upTo)) expect(packetId).toBe((++confirmed % 0xffff) + 1);
      expect(confirmed).toBe(upTo);
      expect(confirmations.pubackCount).toBe(entered - confirmed);
    }
  });
});
