import { FakeClock } from "@jackalope/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import { Containment } from "../src/containment.ts";
import { silentLogger } from "../src/logger.ts";
import { Outbox } from "../src/outbox.ts";
import { type GatedDecoder, type GateOwner, ReadGate } from "../src/read-gate.ts";
import { stopReasons } from "../src/stop-reasons.ts";
import type { TurnBudget } from "../src/turn-budget.ts";
import { Turn } from "../src/turn.ts";

const budgetMs = 2;
let clock: FakeClock;
let turn: Turn;

beforeEach(() => {
  clock = new FakeClock();
  turn = new Turn(clock, budgetMs);
});

/** Every byte is a frame, and may take time. */
class ByteDecoder implements GatedDecoder {
  stopped = false;
  #chunk: Buffer | null = null;
  #position = 0;
  readonly #onByte: (byte: number) => void;

  constructor(onByte: (byte: number) => void) {
    this.#onByte = onByte;
  }

  get hasRest(): boolean {
    return this.#chunk !== null;
  }

  push(chunk: Buffer): void {
    expect(this.#chunk).toBeNull();
    this.#chunk = chunk;
    this.#position = 0;
  }

  run(budget: TurnBudget): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    while (!this.stopped && this.#position < chunk.length && budget.take()) {
      this.#position++;
      this.#onByte(chunk[this.#position - 1] as number);
    }
    if (this.#position === chunk.length) this.#chunk = null;
  }

  unread(bytes: Buffer): void {
    this.#chunk = Buffer.concat([bytes, this.#chunk?.subarray(this.#position) ?? Buffer.alloc(0)]);
    this.#position = 0;
  }

  drop(): void {
    this.#chunk = null;
  }
}

/** A client at a gate. Each of its bytes takes `byteMs` and stands for `byteUnits`. */
class Client implements GateOwner {
  readonly bytes: number[] = [];
  readonly errors: unknown[] = [];
  readonly gate: ReadGate;
  readonly written: Buffer[] = [];
  readonly outbox: Outbox;
  paused = false;
  listens = true;
  chunksEnded = 0;
  onByte: (byte: number) => void = () => undefined;

  constructor(byteMs = 0, byteUnits = 1) {
    const decoder = new ByteDecoder((byte) => {
      this.bytes.push(byte);
      clock.advance(byteMs);
      turn.budget.left -= byteUnits - 1;
      this.onByte(byte);
    });
    const target = { write: (bytes: Buffer) => void this.written.push(Buffer.from(bytes)), destroy: () => undefined };
    this.outbox = new Outbox(turn, target, 1000, () => undefined);
    const stream = { pause: () => void (this.paused = true), resume: () => void (this.paused = false) };
    this.gate = new ReadGate({ turn, stream, decoder, outbox: this.outbox, owner: this });
  }

  destroyed = false;
  onFailed: () => void = () => undefined;
  onChunkEnded: () => void = () => undefined;

  failed(error: unknown): void {
    this.errors.push(error);
    this.onFailed();
  }

  destroy(): void {
    this.destroyed = true;
  }

  chunkEnded(): void {
    this.chunksEnded++;
    this.onChunkEnded();
  }

  listening(listens: boolean): void {
    this.listens = listens;
  }

  say(...bytes: number[]): void {
    this.gate.push(Buffer.from(bytes));
  }
}

const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 256);

describe("what goes wrong behind a gate", () => {
  const fault = (): never => {
    throw new Error("a fault of ours");
  };

  test("does not reach who has woken it, and the client is told", () => {
    turn.containment = new Containment(clock, silentLogger, () => undefined);
    const client = new Client();
    client.gate.stop(1);
    client.say(1);
    client.onChunkEnded = fault;
    client.gate.proceed(1);
    expect(client.errors).toEqual([new Error("a fault of ours")]);
    expect(turn.containment.counts.session).toBe(1);
    expect(client.destroyed).toBe(false);
    // The gate is not stuck.
    client.onChunkEnded = () => undefined;
    client.say(2);
    expect(client.bytes).toEqual([1, 2]);
  });

  test("ends the stream where not even the failure can be told", () => {
    turn.containment = new Containment(clock, silentLogger, () => undefined);
    const client = new Client();
    client.onChunkEnded = fault;
    client.onFailed = fault;
    client.say(1);
    expect(client.destroyed).toBe(true);
  });
});

describe("a client with more to say than a turn has time for", () => {
  test("goes on in later turns, in order, and is paused when more comes meanwhile", () => {
    const client = new Client(1, 100);
    client.say(...many(10));
    expect(client.bytes.length).toBeLessThan(5);
    expect(client.paused).toBe(false);
    client.say(100, 101);
    expect(client.paused).toBe(true);
    for (let turns = 0; turns < 10; turns++) turn.end();
    expect(client.bytes).toEqual([...many(10), 100, 101]);
    expect(client.paused).toBe(false);
  });

  test("takes turns with others of its kind", () => {
    const clients = [new Client(1, 100), new Client(1, 100), new Client(1, 100)];
    for (const client of clients) client.say(...many(12));
    for (let turns = 0; turns < 9; turns++) turn.end();
    const shares = clients.map((client) => client.bytes.length);
    expect(Math.min(...shares)).toBeGreaterThan(4);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(4);
  });

  test("gets no turn while outboxes of the turn before wait for their sockets", () => {
    const client = new Client(1, 100);
    client.say(...many(20));
    const slow = {
      endTurn: () => clock.advance(1.5),
      flush: () => true,
      release: () => undefined,
      drop: () => undefined,
    };
    for (let count = 0; count < 4; count++) turn.outboxDirty(slow);
    turn.end();
    expect(turn.behind).toBe(true);
    const before = client.bytes.length;
    turn.end();
    expect(client.bytes.length).toBe(before);
    expect(turn.behind).toBe(false);
    turn.end();
    expect(client.bytes.length).toBeGreaterThan(before);
  });
});

describe("a quiet client", () => {
  test("is served in the turn in which it says something, though another has used up its time", () => {
    const busy = new Client(1, 100);
    const quiet = new Client();
    busy.say(...many(100));
    expect(turn.budget.spent).toBe(true);
    quiet.say(1, 2, 3);
    expect(quiet.bytes).toEqual([1, 2, 3]);
  });

  test("is a busy one when it says much then", () => {
    const busy = new Client(1, 100);
    const other = new Client();
    busy.say(...many(100));
    other.say(...many(100));
    const first = other.bytes.length;
    expect(first).toBeGreaterThan(8);
    expect(first).toBeLessThan(64);
    other.say(1);
    expect(other.bytes.length).toBe(first);
  });

  test("waits before all busy ones where too many have come in one turn", () => {
    const busy = new Client(1, 100);
    busy.say(...many(100));
    const crowd = Array.from({ length: 10 }, () => new Client(0.5));
    for (const client of crowd) client.say(1);
    const late = crowd.filter((client) => client.bytes.length === 0);
    expect(late.length).toBeGreaterThan(0);
    const before = busy.bytes.length;
    while (late.some((client) => client.bytes.length === 0)) {
      expect(busy.bytes.length).toBeLessThan(before + 12);
      turn.end();
    }
  });

  test("that waits with others leaves them their part of the turn when it says much", () => {
    const busy = new Client(1, 100);
    busy.say(...many(100));
    clock.advance(2 * budgetMs);
    const flooding = Array.from({ length: 10 }, () => new Client(0.01));
    for (const client of flooding) client.say(...many(200));
    const quiet = new Client();
    quiet.say(1);
    expect(quiet.bytes).toEqual([]);
    // A hundredth of a millisecond for each of their bytes: two turns are enough for what ten of them may do at once.
    turn.end();
    turn.end();
    expect(quiet.bytes).toEqual([1]);
    while (flooding.some((client) => client.bytes.length < 200)) turn.end();
  });

  test("whose single frames take long is a busy one, also where each frame stops it before the budget does", () => {
    const client = new Client(0.5);
    const say = (): void => {
      client.say(1);
      turn.end();
    };
    client.onByte = () => client.gate.stop(stopReasons.operation);
    for (let count = 0; count < 8; count++) {
      say();
      client.gate.proceed(stopReasons.operation);
    }
    const other = new Client(1, 100);
    other.say(...many(100));
    client.say(1);
    expect(client.bytes.length).toBe(8);
  });

  test("that takes some units of work each time is a busy one when two of them take long", () => {
    const client = new Client(0.5, 32);
    for (let count = 0; count < 2; count++) {
      client.say(1);
      turn.end();
    }
    new Client(1, 100).say(...many(100));
    client.say(1);
    expect(client.bytes.length).toBe(2);
  });

  test("stays a quiet one where other processes take the time of some of its pings", () => {
    const client = new Client();
    let takesMs = 0;
    client.onByte = () => clock.advance(takesMs);
    for (let count = 0; count < 100; count++) {
      // Of eight in a row seven.
      takesMs = count % 8 === 0 ? 0 : 3;
      client.say(1);
      turn.end();
    }
    takesMs = 0;
    new Client(1, 100).say(...many(100));
    client.say(1);
    expect(client.bytes.length).toBe(101);
  });

  test("has its answer at once where many outboxes are to be flushed", () => {
    const other = { endTurn: () => undefined, flush: () => true, release: () => undefined, drop: () => undefined };
    for (let count = 0; count < 100; count++) turn.outboxDirty(other);
    const quiet = new Client();
    quiet.onByte = (byte) => {
      quiet.outbox.reserve(1);
      quiet.outbox.buffer[quiet.outbox.position++] = byte;
    };
    quiet.say(7);
    expect(quiet.written).toEqual([Buffer.from([7])]);
  });
});

describe("a stopped client", () => {
  test("goes on where it was when no reason is left", () => {
    const client = new Client();
    client.onByte = (byte) => {
      if (byte === 2) client.gate.stop(stopReasons.held | stopReasons.blocked);
    };
    client.say(1, 2, 3);
    client.say(4);
    expect(client.bytes).toEqual([1, 2]);
    expect([client.paused, client.listens]).toEqual([true, false]);
    client.gate.proceed(stopReasons.held);
    expect(client.bytes).toEqual([1, 2]);
    client.gate.proceed(stopReasons.blocked);
    expect(client.bytes).toEqual([1, 2, 3, 4]);
    expect([client.paused, client.listens]).toEqual([false, true]);
  });

  test("is not paused for an operation before more comes", () => {
    const client = new Client();
    client.gate.stop(stopReasons.operation);
    expect(client.paused).toBe(false);
    client.say(1);
    expect(client.paused).toBe(true);
    client.gate.proceed(stopReasons.operation);
    expect([client.bytes, client.paused]).toEqual([[1], false]);
  });

  test("has its chunk looked at again when an operation has ended, though nothing came", () => {
    const client = new Client();
    client.gate.stop(stopReasons.operation);
    client.gate.proceed(stopReasons.operation);
    expect(client.chunksEnded).toBe(1);
  });
});

test("a frame that fails ends no other", () => {
  const client = new Client();
  client.onByte = (byte) => {
    if (byte === 2) throw new Error("bad frame");
  };
  client.say(1, 2, 3);
  expect(client.bytes).toEqual([1, 2, 3]);
  expect(client.errors).toEqual([new Error("bad frame")]);
});

test("an ended gate reads on and takes nothing", () => {
  const client = new Client(1, 100);
  client.say(...many(10));
  client.say(1);
  const before = client.bytes.length;
  client.gate.end();
  expect(client.paused).toBe(false);
  client.say(1);
  for (let turns = 0; turns < 5; turns++) turn.end();
  expect(client.bytes.length).toBe(before);
});

describe("the end of the stream", () => {
  test("comes when what was said before it is handled, however many turns that takes", () => {
    const client = new Client(1, 100);
    let over = false;
    client.say(...many(10));
    client.say(100);
    client.gate.finish(() => (over = true));
    expect(over).toBe(false);
    for (let turns = 0; turns < 10; turns++) {
      expect(over).toBe(client.bytes.length === 11);
      turn.end();
    }
    expect(over).toBe(true);
    expect(client.bytes).toEqual([...many(10), 100]);
  });

  test("comes at once where nothing is left, and where the gate is ended with the turn", () => {
    const quiet = new Client();
    let ends = 0;
    quiet.say(1);
    quiet.gate.finish(() => ends++);
    expect(ends).toBe(1);
    const busy = new Client(1, 100);
    busy.say(...many(10));
    busy.gate.finish(() => ends++);
    busy.gate.end();
    expect(ends).toBe(1);
    turn.end();
    expect(ends).toBe(2);
  });

  test("waits behind an operation", () => {
    const client = new Client();
    let over = false;
    client.onByte = (byte) => {
      if (byte === 1) client.gate.stop(stopReasons.operation);
    };
    client.say(1, 2, 3);
    client.gate.finish(() => (over = true));
    expect(over).toBe(false);
    client.gate.proceed(stopReasons.operation);
    expect([over, client.bytes]).toEqual([true, [1, 2, 3]]);
  });
});
