import { FakeClock } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { ConnectionSet } from "../src/index.ts";

class Connection {
  asked = false;
  readonly #set: ConnectionSet<Connection>;

  constructor(set: ConnectionSet<Connection>) {
    this.#set = set;
    set.add(this);
  }

  destroy(): void {
    this.#set.delete(this);
  }
}

const ask = (connection: Connection): void => {
  connection.asked = true;
};

/** Whether the promise is settled, once everything that is due has run. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe("a set of connections", () => {
  it("ends when all have gone, without waiting any longer", async () => {
    const clock = new FakeClock();
    const set = new ConnectionSet<Connection>();
    const connections = [new Connection(set), new Connection(set)];
    expect(set.size).toBe(2);
    expect([...set]).toEqual(connections);
    const ending = set.end(clock, 3000, ask);
    expect(connections.every(({ asked }) => asked)).toBe(true);
    connections[0]?.destroy();
    expect(await isSettled(ending)).toBe(false);
    connections[1]?.destroy();
    await ending;
    expect(clock.pendingCount).toBe(0);
  });

  it("destroys at the time limit who has not gone", async () => {
    const clock = new FakeClock();
    const set = new ConnectionSet<Connection>();
    const connection = new Connection(set);
    const ending = set.end(clock, 3000, ask);
    clock.advance(2999);
    expect(await isSettled(ending)).toBe(false);
    expect([...set]).toEqual([connection]);
    clock.advance(1);
    await ending;
    expect(set.size).toBe(0);
  });

  it("takes those that go while they are asked", async () => {
    const clock = new FakeClock();
    const set = new ConnectionSet<Connection>();
    for (let count = 0; count < 3; count++) new Connection(set);
    await set.end(clock, 3000, (connection) => connection.destroy());
    expect(clock.pendingCount).toBe(0);
  });

  it("that is empty ends at once", async () => {
    const clock = new FakeClock();
    await new ConnectionSet<Connection>().end(clock, 3000, ask);
    expect(clock.pendingCount).toBe(0);
  });
});
