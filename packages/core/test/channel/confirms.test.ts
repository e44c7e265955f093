import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Confirms } from "../../src/channel/confirms.ts";

class Answers {
  readonly text: string[] = [];
  /** Answer by sequence number, multiples spelled out. */
  readonly bySequence = new Map<number, string>();
  #last = 0;

  confirm(sequence: number, multiple: boolean): void {
    this.#note("confirm", sequence, multiple);
  }

  refuse(sequence: number, multiple: boolean): void {
    this.#note("refuse", sequence, multiple);
  }

  #note(answer: string, sequence: number, multiple: boolean): void {
    this.text.push(`${answer} ${sequence}${multiple ? "*" : ""}`);
    for (let each = multiple ? this.#last + 1 : sequence; each <= sequence; each++) {
      expect(this.bySequence.has(each)).toBe(false);
      this.bySequence.set(each, answer);
    }
    expect(sequence).toBeGreaterThan(this.#last);
    this.#last = sequence;
  }
}

describe("Confirms", () => {
  test("answers the durable prefix in runs and leaves the rest", () => {
    const confirms = new Confirms();
    const answers = new Answers();
    for (const lsn of [41, 0, 42]) confirms.add(lsn);
    confirms.addRefused();
    confirms.addRefused();
    confirms.add(0);
    confirms.add(55);
    expect(confirms.advance(40, answers)).toBe(0);
    expect(confirms.advance(42, answers)).toBe(4);
    expect(answers.text).toEqual(["confirm 3*", "refuse 5*", "confirm 6"]);
    expect(confirms.pending).toBe(1);
    expect(confirms.advance(100, answers)).toBe(1);
    expect(answers.text.at(-1)).toBe("confirm 7");
    expect(confirms.pending).toBe(0);
  });

  test("gives every publish exactly one answer, in order, none before it is durable", () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(30), times: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ refuse: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ durable: fc.nat(60) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const confirms = new Confirms();
        const answers = new Answers();
        const lsns: number[] = [];
        let lsn = 0;
        let durable = 0;
        let confirmed = 0;
        for (const each of steps) {
          if ("add" in each) {
            for (let time = 0; time < each.times; time++) {
              // Some publishes are not stored at all.
              const stored = (time + each.add) % 3 === 0 ? 0 : (lsn += each.add % 4);
              confirms.add(stored);
              lsns.push(stored);
            }
          } else if ("refuse" in each) {
            for (let time = 0; time < each.refuse; time++) {
              confirms.addRefused();
              lsns.push(-1);
            }
          } else {
            durable += each.durable;
            confirmed += confirms.advance(durable, answers);
            let answered = 0;
            while (answered < lsns.length && (lsns[answered] as number) <= durable) answered++;
            expect(answers.bySequence.size).toBe(answered);
          }
        }
        confirmed += confirms.advance(Number.MAX_SAFE_INTEGER, answers);
        expect(confirms.pending).toBe(0);
        expect(confirms.lastSequence).toBe(lsns.length);
        expect(confirmed).toBe(lsns.filter((each) => each >= 0).length);
        for (const [index, each] of lsns.entries()) {
          expect(answers.bySequence.get(index + 1)).toBe(each < 0 ? "refuse" : "confirm");
        }
      }),
    );
  });
});
