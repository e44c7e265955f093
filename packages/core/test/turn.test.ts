import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { Containment } from "../src/containment.ts";
import { silentLogger } from "../src/logger.ts";
import { Turn, type TurnOutbox, type TurnWaiter } from "../src/turn.ts";

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

  test("many outboxes gather more for a moment while somebody waits for a turn, few do not", () => {
    const clock = new FakeClock();
    const turn = new Turn(clock, 2);
    let flushed = 0;
    const round = (outboxes: number): void => {
      for (let count = 0; count < outboxes; count++) turn.outboxDirty(outbox(() => void flushed++));
      turn.wait({ takeTurn: () => turn.wait({ takeTurn: () => undefined }) });
      turn.end();
    };
    clock.advance(100);
    round(100);
    expect(flushed).toBe(100);
    clock.advance(2);
    round(100);
    expect(flushed).toBe(100);
    clock.advance(2);
    round(0);
    expect(flushed).toBe(200);
    round(3);
    expect(flushed).toBe(203);
  });

  test("outboxes beyond the time of a turn leave in the next, in their order, before anybody gets a turn", () => {
    const clock = new FakeClock();
    const turn = new Turn(clock, 2);
    const ran: number[] = [];
    for (let index = 0; index < 10; index++) {
      turn.outboxDirty(
        outbox(() => {
          ran.push(index);
          clock.advance(0.7);
        }),
      );
    }
    turn.wait({ takeTurn: () => void ran.push(-1) });
    turn.end();
    turn.wait({ takeTurn: () => void ran.push(-2) });
    while (turn.behind) turn.end();
    turn.end();
    expect(ran).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -2]);
  });

  test("who waits and throws is the end of itself alone", () => {
    const turn = new Turn();
    const failed: unknown[] = [];
    turn.containment = new Containment(new FakeClock(), silentLogger, () => expect.fail("broken"));
    turn.wait({
      takeTurn: () => {
        throw new Error("mine");
      },
      failed: (error) => failed.push(error),
    });
    let went = false;
    turn.wait({ takeTurn: () => void (went = true) });
    turn.end();
    expect([failed, went]).toEqual([[new Error("mine")], true]);
  });

  test("what nobody waits for has a smaller part of each turn, and the whole where nobody waits", () => {
    const clock = new FakeClock();
    const turn = new Turn(clock, 8);
    const spentMs = { client: 0, background: 0 };
    const busy = (kind: "client" | "background", again: (waiter: TurnWaiter) => void): TurnWaiter => {
      const waiter: TurnWaiter = {
        takeTurn: () => {
          for (; turn.budget.take(); turn.budget.left = 0) {
            clock.advance(1);
            spentMs[kind]++;
          }
          again(waiter);
        },
      };
      return waiter;
    };
    for (let count = 0; count < 50; count++) {
      turn.waitInBackground(busy("background", (waiter) => turn.waitInBackground(waiter)));
    }
    turn.end();
    expect(spentMs.background).toBe(8);
    let turns = 0;
    turn.wait(
      busy("client", (waiter) => {
        if (turns < 10) turn.wait(waiter);
      }),
    );
    for (; turns < 10; turns++) turn.end();
    expect(spentMs).toEqual({ client: 80, background: 8 + 20 });
  });
});
