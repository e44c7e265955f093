import { describe, expect, test } from "vitest";
import { Turn, type TurnOutbox } from "../src/turn.ts";

/** An outbox that notes when it was its turn. */
function outbox(endTurn: () => void): TurnOutbox {
  return { endTurn, flush: () => true, release: () => {}, drop: () => {} };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Turn", () => {
  test("ends once for everything asked for, storage before outboxes", async () => {
    const turn = new Turn();
    const ran: string[] = [];
    const task = (name: string): TurnOutbox => outbox(() => void ran.push(name));
    turn.outboxDirty(task("outbox 1"));
    turn.storageDirty(task("storage 1"));
    turn.outboxDirty(task("outbox 2"));
    turn.storageDirty(task("storage 2"));
    expect(ran).toEqual([]);
    await nextTurn();
    expect(ran).toEqual(["storage 1", "storage 2", "outbox 1", "outbox 2"]);
    await nextTurn();
    expect(ran).toHaveLength(4);
  });

  test("what a task makes dirty is done in the same turn, storage first again", () => {
    const turn = new Turn();
    const ran: string[] = [];
    turn.outboxDirty(
      outbox(() => {
        ran.push("outbox");
        turn.outboxDirty(outbox(() => void ran.push("second outbox")));
        turn.storageDirty({ endTurn: () => void ran.push("late storage") });
      }),
    );
    turn.storageDirty({
      endTurn: () => {
        ran.push("storage");
        turn.outboxDirty(outbox(() => void ran.push("confirm")));
      },
    });
    turn.end();
    expect(ran).toEqual(["storage", "outbox", "confirm", "late storage", "second outbox"]);
  });

  test("ended by hand, it begins anew", async () => {
    const turn = new Turn();
    let ran = 0;
    const task = { endTurn: () => void ran++ };
    turn.storageDirty(task);
    turn.end();
    expect(ran).toBe(1);
    turn.storageDirty(task);
    await nextTurn();
    expect(ran).toBe(2);
  });
});
