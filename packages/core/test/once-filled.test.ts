import { expect, test } from "vitest";
import { TestBroker } from "./fixture/test-broker.ts";

const body = "x".repeat(1000);

test("a task is ended with the turn in which enough message bytes are held, once", async () => {
  const broker = await TestBroker.open();
  await broker.queue("q");
  const channel = broker.channel();
  let ends = 0;
  broker.broker.store.onceFilled(1999, 1000, { endTurn: () => ends++ });
  channel.publish("", "q", body);
  broker.broker.turn.end();
  expect(ends).toBe(0);
  channel.publish("", "q", body);
  expect(ends).toBe(0);
  for (let more = 0; more < 5; more++) channel.publish("", "q", body);
  broker.broker.turn.end();
  broker.broker.turn.end();
  expect(ends).toBe(1);
});

test("so are entries without bytes, which cost memory all the same", async () => {
  const broker = await TestBroker.open();
  await broker.exchange("all", "fanout");
  for (const name of ["a", "b", "c"]) {
    await broker.queue(name);
    await broker.bind("all", name);
  }
  let ends = 0;
  broker.broker.store.onceFilled(1000, 6, { endTurn: () => ends++ });
  const channel = broker.channel();
  channel.publish("all", "", "");
  broker.broker.turn.end();
  expect(ends).toBe(0);
  channel.publish("all", "", "");
  broker.broker.turn.end();
  expect(ends).toBe(1);
});

test("the turn's watch sees the end of every turn, behind everything else", async () => {
  const broker = await TestBroker.open();
  const { turn } = broker.broker;
  const order: string[] = [];
  turn.watch = { endTurn: () => order.push("watch") };
  turn.storageDirty({ endTurn: () => order.push("storage") });
  turn.end();
  expect(order).toEqual(["storage", "watch"]);
});
