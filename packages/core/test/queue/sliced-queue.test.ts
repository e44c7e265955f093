import { describe, expect, test } from "vitest";
import { HurriedClock } from "../fixture/hurried-clock.ts";
import { TestBroker, type TestChannel, until } from "../fixture/test-broker.ts";

const names = (count: number, letter = "m"): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index}`);

async function openBroker(): Promise<{ broker: TestBroker; clock: HurriedClock; channel: TestChannel }> {
  const clock = new HurriedClock();
  const broker = await TestBroker.open({ clock });
  return { broker, clock, channel: broker.channel() };
}

/** Ends turns until nothing waits; returns the largest number of `count` in one of them. */
function longestTurn(broker: TestBroker, count: () => number, until: () => boolean): number {
  let longest = 0;
  for (let turns = 0; !until(); turns++) {
    expect(turns).toBeLessThan(10_000);
    const before = count();
    broker.endTurn();
    longest = Math.max(longest, count() - before);
  }
  return longest;
}

describe("a queue of many", () => {
  test("what runs out at once is dead-lettered turn by turn, in order, each once", async () => {
    const { broker, clock, channel } = await openBroker();
    await broker.exchange("dlx", "fanout");
    const dead = await broker.queue("dead");
    await broker.bind("dlx", "dead");
    await broker.queue("q", { "x-message-ttl": 1000, "x-dead-letter-exchange": "dlx" });
    for (const body of names(3000)) channel.publish("", "q", body);
    broker.endTurn();
    clock.advance(2000);
    const atOnce = dead.readyCount;
    const longest = longestTurn(
      broker,
      () => dead.readyCount,
      () => dead.readyCount === 3000,
    );
    expect(Math.max(atOnce, longest)).toBeLessThan(300);
    expect(channel.drain("dead")).toEqual(names(3000));
    expect(broker.broker.totals.deadLettered.expired).toBe(3000);
  });

  test("lists of all priorities go on", async () => {
    const { broker, clock, channel } = await openBroker();
    const queue = await broker.queue("q", { "x-message-ttl": 1000, "x-max-priority": 5 });
    for (const [index, body] of names(1500).entries()) channel.publish("", "q", body, { priority: index % 3 });
    broker.endTurn();
    clock.advance(2000);
    expect(queue.readyCount).toBeGreaterThan(0);
    longestTurn(
      broker,
      () => 0,
      () => queue.readyCount === 0,
    );
    expect(broker.broker.totals.dropped.expired).toBe(1500);
  });

  test("a get behind many that ran out waits for its message, and others have their turns meanwhile", async () => {
    const { broker, clock, channel } = await openBroker();
    await broker.queue("q");
    channel.publish("", "q", "first");
    for (const body of names(2000)) channel.publish("", "q", body, { expiration: "1000" });
    channel.publish("", "q", "last");
    broker.endTurn();
    channel.get("q", false);
    clock.advance(2000);
    const got = channel.channel.get("q", true);
    expect(got).toBeInstanceOf(Promise);
    let body = "";
    void Promise.resolve(got).then((message) => {
      body = Buffer.from(message?.message.body ?? []).toString();
    });
    await until(() => body !== "");
    expect(body).toBe("last");
    expect(broker.broker.totals.dropped.expired).toBe(2000);
  });

  test("a look through many messages for many consumers with filters ends, and keeps the order", async () => {
    const { broker, channel } = await openBroker();
    await broker.queue("q");
    for (const body of names(400, "a")) channel.publish("", "q", body);
    for (const body of names(100, "b")) channel.publish("", "q", body);
    broker.endTurn();
    let tries = 0;
    const takers = Array.from({ length: 20 }, (_, index) => {
      const taker = broker.channel();
      const letter = index === 19 ? "b" : "x";
      const matches = (message: { readonly body: Uint8Array }): boolean => {
        tries++;
        return Buffer.from(message.body).toString().startsWith(letter);
      };
      taker.consume("q", { noAck: true, filter: { matches, others: "leave" } });
      return taker;
    });
    const last = takers[19] as TestChannel;
    const bodies: string[] = [];
    for (let turns = 0; bodies.length < 101; turns++) {
      expect(turns).toBeLessThan(1000);
      if (turns === 40) channel.publish("", "q", "b100");
      const before = tries;
      broker.endTurn();
      expect(tries - before).toBeLessThan(600);
      bodies.push(...last.sink.takeBodies());
    }
    expect(bodies).toEqual(names(101, "b"));
  });
});
