import { type LogFields, type Logger, silentLogger } from "@jackalope/core/storage";
import { FakeClock, FaultyDisk, OpenedStorage, type Survival, testMessage } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { openLogStorage } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

const segmentBytes = 2000;
const messageBytes = 150;
const survivals: (Survival | "process")[] = ["process", "none", "all", "sectors"];

/** Numbers from 0 up to 1 that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    state ^= state >>> 13;
    return (state >>> 0) / 2 ** 32;
  };
}

interface Kept {
  readonly body: string;
  readonly lsn: number;
  /** Where it is settled: the Lsn at which that is durable. */
  settledAt: number;
  /** Where it is settled in a group: the message that the group appends for it. */
  movedTo: Kept | null;
}

/** Segments deleted in need, in all tests. */
let relieved = 0;
const logger: Logger = {
  ...silentLogger,
  warn(_fields: LogFields, text: string): void {
    if (text.startsWith("the disk is full: deleted")) relieved++;
  },
};

/** A broker's life with one store: what it knows, and what must be true of the store after a crash. */
class Life {
  readonly disk: FaultyDisk;
  readonly clock: FakeClock;
  store: OpenedStorage;
  messages: Kept[] = [];
  #count = 0;

  private constructor(disk: FaultyDisk, clock: FakeClock, store: OpenedStorage) {
    this.disk = disk;
    this.clock = clock;
    this.store = store;
  }

  static async start(disk: FaultyDisk): Promise<Life> {
    const clock = new FakeClock();
    const life = new Life(disk, clock, await Life.#open(disk, clock));
    await life.store.commit(life.store.engine.put("queue", Buffer.from("1")));
    return life;
  }

  static #open(disk: FaultyDisk, clock: FakeClock): Promise<OpenedStorage> {
    const options = { directory: "/data", files: disk.process(), segmentBytes, clock, logger };
    return OpenedStorage.open(openLogStorage(options));
  }

  get failing(): boolean {
    return this.store.failures.length > this.store.recoveries;
  }

  get unsettled(): Kept[] {
    return this.messages.filter((message) => message.settledAt === 0);
  }

  append(): Kept {
    const body = `${this.#count++} `.padEnd(messageBytes, ".");
    const lsn = this.store.engine.append([1], testMessage(body));
    const message = { body, lsn, settledAt: 0, movedTo: null };
    this.messages.push(message);
    this.store.engine.flush();
    return message;
  }

  settle(message: Kept): void {
    message.settledAt = this.store.engine.settle(1, message.lsn);
    this.store.engine.flush();
  }

  /** Settles and appends in one group, as dead-lettering does. */
  move(message: Kept): void {
    message.settledAt = this.store.engine.atomic(() => {
      message.movedTo = this.append();
      this.store.engine.settle(1, message.lsn);
    });
    this.store.engine.flush();
  }

  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count && !this.disk.died; turn++) {
      this.clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets time pass until `condition` holds or the process is dead. */
  async until(condition: () => boolean): Promise<void> {
    for (let step = 0; !condition() && !this.disk.died; step++) {
      expect(step).toBeLessThan(5000);
      await this.turns(1);
    }
  }

  /** Publishes until the disk takes no more. */
  async fill(): Promise<void> {
    await this.until(() => {
      if (!this.failing) this.append();
      return this.failing;
    });
  }

  async crash(survival: Survival | "process", random: () => number): Promise<void> {
    const { durable } = this.store.engine;
    this.disk.crash(survival, random);
    this.store = await Life.#open(this.disk, this.clock);
    const { bodies } = await recoveredState(this.store);
    this.#check(new Set(bodies), durable);
    this.messages = this.messages.filter((message) => bodies.includes(message.body));
    for (const message of this.messages) {
      message.settledAt = 0;
      message.movedTo = null;
    }
  }

  #check(bodies: ReadonlySet<string>, durable: number): void {
    expect(this.store.definitions.get("queue")?.toString()).toBe("1");
    for (const body of bodies) {
      const message = this.messages.find((candidate) => candidate.body === body);
      if (message === undefined) expect.fail(`invented: ${body}`);
      if (message.settledAt > 0 && message.settledAt <= durable) expect.fail(`came back: ${body}`);
    }
    for (const message of this.messages) {
      const { body, lsn, settledAt, movedTo } = message;
      if (settledAt === 0 && lsn <= durable && !bodies.has(body)) expect.fail(`lost: ${body}`);
      if (movedTo === null || lsn > durable) continue;
      if (bodies.has(body) && bodies.has(movedTo.body)) expect.fail(`half a group: ${body}`);
      if (!bodies.has(body) && !bodies.has(movedTo.body) && movedTo.settledAt === 0) expect.fail(`moved away: ${body}`);
    }
  }
}

function fullDisk(capacityBytes: number = 16_000): FaultyDisk {
  const disk = new FaultyDisk();
  disk.capacityBytes = capacityBytes;
  return disk;
}

describe("a full disk", () => {
  test("goes on by itself once consumers have settled what is on it", async () => {
    const life = await Life.start(fullDisk());
    for (let round = 0; round < 5; round++) {
      await life.fill();
      expect(life.disk.usedBytes).toBeGreaterThan(12_000);
      for (const message of life.unsettled) life.settle(message);
      await life.until(() => !life.failing);
      const last = life.append();
      await life.until(() => life.store.engine.durable >= last.lsn);
      life.settle(last);
      await life.until(() => life.store.engine.durable >= last.settledAt);
    }
    await life.crash("none", () => 0.5);
    expect(life.messages).toEqual([]);
  });

  test("goes on where a slow consumer's settles stand in every segment", async () => {
    const life = await Life.start(fullDisk());
    await life.until(() => {
      if (life.failing) return true;
      life.append();
      if (life.messages.length % 5 === 0) life.settle(life.unsettled[0] as Kept);
      return false;
    });
    for (const message of life.unsettled) life.settle(message);
    await life.until(() => !life.failing && life.store.engine.pendingBytes === 0);
    expect(life.failing).toBe(false);
    await life.crash("none", () => 0.5);
    expect(life.messages).toEqual([]);
  });

  test("keeps a message that stays, and goes on with the rest", async () => {
    const life = await Life.start(fullDisk());
    const kept = life.append();
    await life.fill();
    for (const message of life.unsettled) if (message !== kept) life.settle(message);
    await life.until(() => !life.failing && life.store.engine.pendingBytes === 0);
    await life.crash("none", () => 0.5);
    expect(life.messages.map((message) => message.body)).toEqual([kept.body]);
  });

  test("does not cut a group whose other writes are not durable", async () => {
    const life = await Life.start(fullDisk());
    await life.fill();
    for (const message of life.unsettled.slice(0, 40)) life.move(message);
    await life.turns(200);
    expect(life.failing).toBe(true);
    await life.crash("none", () => 0.5);
    // Once there is room, or the groups need none any more, it goes on.
    for (const message of life.unsettled) life.settle(message);
    await life.until(() => life.store.engine.pendingBytes === 0);
    expect(life.disk.died).toBe(false);
  });

  test("loses and invents nothing when the process or the machine dies at any moment", {
    timeout: 60_000,
  }, async () => {
    relieved = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed * 104_729);
      const life = await Life.start(fullDisk(9000 + Math.floor(random() * 8000)));
      for (let lives = 0; lives < 4; lives++) {
        life.disk.dieAt(life.disk.operations + 20 + Math.floor(random() * 300), "partly", () => {});
        for (let step = 0; step < 250 && !life.disk.died; step++) {
          const choice = random();
          const [oldest] = life.unsettled;
          const appends = step % 100 < 60 ? 0.7 : 0.15;
          if (choice < appends && !life.failing) life.append();
          else if (choice < 0.9 && oldest !== undefined) life.settle(oldest);
          else if (choice < 0.93 && oldest !== undefined)
            life.move(random() < 0.5 ? oldest : (life.unsettled.at(-1) as Kept));
          if (random() < 0.3) await life.turns(1 + Math.floor(random() * 5));
          if (choice > 0.98) for (const message of life.unsettled.slice(random() < 0.5 ? 0 : 1)) life.settle(message);
        }
        await life.crash(survivals[Math.floor(random() * survivals.length)] as Survival, random);
      }
    }
    expect(relieved).toBeGreaterThan(200);
  });
});
