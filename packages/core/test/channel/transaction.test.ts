import { beforeEach, describe, expect, test } from "vitest";
import { Transaction } from "../../src/channel/transaction.ts";
import { newMessage } from "../fixture/neutral-format.ts";
import { refusal, TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;
let transaction: Transaction;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
  transaction = new Transaction(broker.broker.limits, broker.client.payer);
  await broker.queue("q");
});

const queue = () => broker.host.queues.get("q");

function buffer(body: string): void {
  const route = channel.channel.route("", "q");
  transaction.publish(route, newMessage(route, body, {}), false, undefined);
}

describe("a transaction of the adapter's own", () => {
  test("settles deliveries of several channels and publishes, all at commit", async () => {
    const other = broker.channel();
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body);
    channel.get("q", false);
    other.get("q", false);
    other.get("q", false);
    channel.channel.ack(1, false, transaction);
    other.channel.reject(2, true, true, "nack", transaction);
    buffer("4");
    expect(queue()).toMatchObject({ unackedCount: 3, readyCount: 0 });
    // What waits for the transaction is nobody's to settle.
    expect(await refusal(() => channel.channel.ack(1, false))).toBe("precondition-failed: unknown delivery tag 1");
    await channel.channel.commit(transaction);
    expect(queue()).toMatchObject({ unackedCount: 0, readyCount: 3 });
    expect(channel.drain("q")).toEqual(["2", "3", "4"]);
  });

  test("that is rolled back leaves everything as it was", async () => {
    channel.publish("", "q", "1");
    channel.get("q", false);
    channel.channel.ack(1, false, transaction);
    buffer("2");
    channel.channel.rollback(transaction);
    expect(queue()).toMatchObject({ unackedCount: 1, readyCount: 0 });
    channel.channel.ack(1, false);
    await channel.channel.commit(transaction);
    expect(queue()).toMatchObject({ unackedCount: 0, readyCount: 0 });
  });

  test("leaves the channel's own acknowledgements alone", async () => {
    for (const body of ["1", "2"]) channel.publish("", "q", body);
    channel.get("q", false);
    channel.get("q", false);
    channel.channel.ack(1, false, transaction);
    channel.channel.ack(2, false);
    expect(queue()?.unackedCount).toBe(1);
    await channel.channel.commit(transaction);
    expect(queue()?.unackedCount).toBe(0);
  });

  test("writes nothing where one of its publishes cannot be made, and gives its deliveries back", async () => {
    await broker.exchange("h", "headers");
    await broker.bind("h", "q", "", { "x-match": "any", a: "1" });
    channel.publish("", "q", "0");
    channel.get("q", false);
    channel.channel.ack(1, false, transaction);
    buffer("1");
    const route = channel.channel.route("h", "");
    const unsound = newMessage(route, "2", {});
    Object.defineProperty(unsound, "properties", {
      get: () => {
        throw new Error("the headers cannot be read");
      },
    });
    transaction.publish(route, unsound, false, undefined);
    buffer("3");
    await expect(channel.channel.commit(transaction)).rejects.toThrow("the headers cannot be read");
    expect(queue()).toMatchObject({ unackedCount: 1, readyCount: 0 });
    // The delivery is the client's again, and what was buffered is gone.
    channel.channel.ack(1, false);
    await channel.channel.commit(transaction);
    expect(queue()).toMatchObject({ unackedCount: 0, readyCount: 0 });
  });
});
