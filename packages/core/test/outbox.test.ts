import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Outbox, type OutboxTarget } from "../src/outbox.ts";
import { OutboxRoom } from "../src/outbox-room.ts";
import { Turn } from "../src/turn.ts";

/** A socket that takes bytes when the test lets it. */
class SlowSocket implements OutboxTarget {
  /** Everything that has left, in order: read when it leaves, as a kernel does. */
  received = "";
  writes = 0;
  readonly #waiting: { bytes: Buffer; done: () => void }[] = [];

  write(bytes: Buffer, done: () => void): void {
    this.writes++;
    this.#waiting.push({ bytes, done });
  }

  destroy(): void {
    this.#waiting.length = 0;
  }

  /** What is written meanwhile is drained, too, where no `count` is told. */
  drain(count = Number.POSITIVE_INFINITY): void {
    for (let left = count; left > 0; left--) {
      const first = this.#waiting.shift();
      if (first === undefined) return;
      this.received += first.bytes.toString("latin1");
      first.done();
    }
  }
}

function encode(outbox: Outbox, text: string): void {
  outbox.reserve(text.length);
  outbox.position += outbox.buffer.write(text, outbox.position, "latin1");
}

const noPressure = (): void => {};

describe("Outbox", () => {
  test("one write a turn, whatever was encoded, and no memory while idle", () => {
    const turn = new Turn();
    const socket = new SlowSocket();
    const outbox = new Outbox(turn, socket, 1000, noPressure);
    expect(outbox.buffer.length).toBe(0);
    for (const text of ["one ", "two ", "three"]) encode(outbox, text);
    expect([socket.writes, outbox.waitingBytes]).toEqual([0, 13]);
    turn.end();
    expect([socket.writes, outbox.waitingBytes, outbox.buffer.length]).toEqual([1, 13, 0]);
    socket.drain();
    expect([socket.received, outbox.waitingBytes]).toEqual(["one two three", 0]);
    turn.end();
    expect(socket.writes).toBe(1);
  });

  test("every connection gets its own bytes in order, while they share and reuse buffers", () => {
    const step = fc.record({
      which: fc.nat(3),
      bytes: fc.oneof(fc.nat(300), fc.integer({ min: 3000, max: 9000 }), fc.integer({ min: 100_000, max: 200_000 })),
      after: fc.constantFrom("nothing", "turn", "turn", "drain one", "drain all", "flush"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const turn = new Turn();
        const ends = Array.from({ length: 4 }, () => {
          const socket = new SlowSocket();
          return { socket, outbox: new Outbox(turn, socket, 50_000, noPressure), sent: "" };
        });
        for (const [index, { which, bytes, after }] of steps.entries()) {
          const end = ends[which] as (typeof ends)[number];
          const text = String.fromCharCode(97 + (index % 26)).repeat(bytes);
          end.sent += text;
          encode(end.outbox, text);
          if (after === "turn") turn.end();
          else if (after === "flush") end.outbox.flush();
          else if (after === "drain one") end.socket.drain(1);
          else if (after === "drain all") for (const each of ends) each.socket.drain();
        }
        turn.end();
        for (const { socket, outbox, sent } of ends) {
          socket.drain();
          expect(socket.received === sent).toBe(true);
          expect(outbox.waitingBytes).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("tells once when too much waits, and once when half of it has left", () => {
    const turn = new Turn();
    const socket = new SlowSocket();
    const told: boolean[] = [];
    const outbox = new Outbox(turn, socket, 100, (over) => told.push(over));
    for (let write = 0; write < 4; write++) {
      encode(outbox, "x".repeat(40));
      turn.end();
    }
    expect(told).toEqual([true]);
    socket.drain(2);
    expect(told).toEqual([true]);
    socket.drain(1);
    expect(told).toEqual([true, false]);
    encode(outbox, "x".repeat(101));
    turn.end();
    expect(told).toEqual([true, false, true]);
  });

  test("to a socket that is behind, little by little becomes full buffers, and goes on when the socket does", () => {
    const turn = new Turn();
    const socket = new SlowSocket();
    const outbox = new Outbox(turn, socket, 10_000_000, noPressure);
    const sent: string[] = [];
    const say = (text: string): void => {
      sent.push(text);
      encode(outbox, text);
      turn.end();
    };
    say("a".repeat(100_000));
    for (let turns = 0; turns < 4000; turns++) say(String(turns % 10).repeat(100));
    expect(outbox.waitingBytes).toBe(500_000);
    expect(turn.outboxRoom.bytes).toBeLessThan(700_000);
    while (socket.received.length < 500_000) socket.drain(1);
    expect(socket.received === sent.join("")).toBe(true);
    expect([outbox.waitingBytes, turn.outboxRoom.bytes]).toEqual([0, 0]);
  });

  test("all together have a bound, beyond which each socket has its least, and what ends gives back its part", () => {
    const turn = new Turn(null, 2, new OutboxRoom({ outboxTotalBytesMax: 1_000_000, outboxBytesMin: 10_000 }));
    const told: boolean[] = [];
    const ends = Array.from({ length: 100 }, () => {
      const socket = new SlowSocket();
      let over = false;
      const outbox = new Outbox(turn, socket, 200_000, (isOver) => {
        over = isOver;
        told.push(isOver);
      });
      return { socket, outbox, isOver: () => over };
    });
    for (let turns = 0; turns < 100; turns++) {
      for (const { outbox, isOver } of ends) if (!isOver()) encode(outbox, "x".repeat(5000));
      turn.end();
    }
    const waiting = ends.reduce((sum, { outbox }) => sum + outbox.waitingBytes, 0);
    // The bound, and of each one the least and a turn's part.
    expect(waiting).toBeLessThan(1_000_000 + ends.length * 15_000);
    expect(turn.outboxRoom.scarce).toBe(true);
    for (const { outbox } of ends.slice(1)) outbox.close();
    expect(turn.outboxRoom.scarce).toBe(false);
    const [first] = ends;
    first?.socket.drain();
    expect([first?.isOver(), turn.outboxRoom.bytes]).toEqual([false, 0]);
  });

  test("closed, it drops what comes and tells nothing more", () => {
    const turn = new Turn();
    const socket = new SlowSocket();
    const told: boolean[] = [];
    const outbox = new Outbox(turn, socket, 10, (over) => told.push(over));
    encode(outbox, "x".repeat(20));
    turn.end();
    encode(outbox, "never");
    outbox.close();
    encode(outbox, "never".repeat(100));
    turn.end();
    socket.drain();
    expect([socket.received, told, outbox.waitingBytes]).toEqual(["x".repeat(20), [true], 0]);
  });

  test("grows in one piece up to what outboxes share, and is handed over before more is gathered", () => {
    const turn = new Turn();
    const socket = new SlowSocket();
    const outbox = new Outbox(turn, socket, 1_000_000, noPressure);
    for (let kibibytes = 0; kibibytes < 128; kibibytes++) encode(outbox, "x".repeat(1024));
    expect(socket.writes).toBe(0);
    encode(outbox, "y");
    expect([socket.writes, outbox.position]).toEqual([1, 1]);
    turn.end();
    socket.drain();
    expect(socket.received === `${"x".repeat(128 * 1024)}y`).toBe(true);
  });
});
