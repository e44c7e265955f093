import { beforeEach, describe, expect, test } from "vitest";
import { PublishResult } from "../../src/channel/publish-result.ts";
import { newMessage } from "../fixture/neutral-format.ts";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
  for (const name of ["q1", "q2", "q3"]) await broker.queue(name);
});

/** Publishes once and tells which queues have it. */
function reached(exchange: string, key: string, headers: [string, string][] = []): string[] {
  const fields = headers.map(([name, value]) => [name, { kind: "string", value }] as const);
  channel.publish(exchange, key, "m", { headers: fields });
  return ["q1", "q2", "q3"].filter((name) => channel.drain(name).length === 1);
}

describe("routing", () => {
  test("direct, fanout and topic exchanges lead where their bindings say, by the predeclared ones too", async () => {
    await broker.bind("amq.direct", "q1", "k");
    await broker.bind("amq.direct", "q2", "k");
    await broker.bind("amq.fanout", "q3", "ignored");
    await broker.bind("amq.topic", "q1", "a.*");
    expect(reached("amq.direct", "k")).toEqual(["q1", "q2"]);
    expect(reached("amq.direct", "other")).toEqual([]);
    expect(reached("amq.fanout", "k")).toEqual(["q3"]);
    expect(reached("amq.topic", "a.b")).toEqual(["q1"]);
    expect(reached("amq.topic", "a")).toEqual([]);
  });

  test("a headers exchange looks at each message, also behind another exchange", async () => {
    await broker.bind("amq.headers", "q1", "", { "x-match": "any", color: "red" });
    await broker.exchange("front", "fanout");
    await broker.bindExchange("front", "amq.headers");
    expect(reached("front", "", [["color", "red"]])).toEqual(["q1"]);
    expect(reached("front", "", [["color", "blue"]])).toEqual([]);
    expect(reached("amq.headers", "", [["color", "red"]])).toEqual(["q1"]);
  });

  test("the default exchange leads to the queue that the key names, and nowhere where there is none", () => {
    expect(reached("", "q2")).toEqual(["q2"]);
    expect(channel.publish("", "nobody", "m")).toBe(PublishResult.none);
  });

  test("a queue reached over several bindings and exchanges gets one copy", async () => {
    await broker.exchange("x", "fanout");
    await broker.bind("x", "q1", "a");
    await broker.bind("x", "q1", "b");
    await broker.exchange("y", "fanout");
    await broker.bindExchange("x", "y");
    await broker.bind("y", "q1");
    channel.publish("x", "a", "m");
    expect(channel.drain("q1")).toEqual(["m"]);
  });

  test("bindings in a cycle end", async () => {
    for (const name of ["x", "y", "z"]) await broker.exchange(name, "fanout");
    await broker.bindExchange("x", "y");
    await broker.bindExchange("y", "z");
    await broker.bindExchange("z", "x");
    await broker.bindExchange("x", "x");
    await broker.bind("z", "q1");
    await broker.bind("y", "q2");
    expect(reached("x", "")).toEqual(["q1", "q2"]);
  });

  test("the alternate exchange takes what the exchange leads nowhere, over any number of steps", async () => {
    await broker.exchange("last", "fanout");
    await broker.bind("last", "q3");
    await broker.exchange("middle", "direct", { "alternate-exchange": "last" });
    await broker.exchange("first", "direct", { "alternate-exchange": "middle" });
    await broker.bind("first", "q1", "k");
    await broker.bind("middle", "q2", "m");
    expect(reached("first", "k")).toEqual(["q1"]);
    expect(reached("first", "m")).toEqual(["q2"]);
    expect(reached("first", "other")).toEqual(["q3"]);
  });

  test("alternates that point at each other end, and a missing one is like none", async () => {
    await broker.exchange("a", "direct", { "alternate-exchange": "b" });
    await broker.exchange("b", "direct", { "alternate-exchange": "a" });
    await broker.exchange("c", "direct", { "alternate-exchange": "missing" });
    expect(channel.publish("a", "k", "m")).toBe(PublishResult.none);
    expect(channel.publish("c", "k", "m")).toBe(PublishResult.none);
  });

  test("a change of bindings counts from the next publish on", async () => {
    await broker.exchange("x", "direct");
    await broker.bind("x", "q1", "k");
    expect(reached("x", "k")).toEqual(["q1"]);
    await broker.bind("x", "q2", "k");
    expect(reached("x", "k")).toEqual(["q1", "q2"]);
    const route = channel.channel.route("x", "k");
    await broker.client.unbind({
      source: "x",
      destination: "q1",
      destinationKind: "queue",
      routingKey: "k",
      arguments: [],
    });
    expect(channel.channel.stillValid(route)).toBe(false);
    expect(reached("x", "k")).toEqual(["q2"]);
  });

  test("further keys of a message are routed too, each queue once", async () => {
    await broker.bind("amq.direct", "q1", "a");
    await broker.bind("amq.direct", "q2", "b");
    await broker.bind("amq.direct", "q1", "b");

    const route = channel.channel.route("amq.direct", "a");
    channel.channel.publish(route, newMessage(route, "m"), false, [channel.channel.route("amq.direct", "b")]);
    expect([channel.drain("q1"), channel.drain("q2")]).toEqual([["m"], ["m"]]);
  });

  test("the alternate exchange gets what none of the sender's keys leads anywhere", async () => {
    await broker.exchange("spare", "fanout");
    await broker.bind("spare", "q3");
    await broker.exchange("x", "direct", { "alternate-exchange": "spare" });
    await broker.bind("x", "q1", "known");
    const route = channel.channel.route("x", "unknown");
    channel.channel.publish(route, newMessage(route, "m"), false, [channel.channel.route("x", "known")]);
    expect([channel.drain("q1"), channel.drain("q3")]).toEqual([["m"], []]);
    channel.channel.publish(route, newMessage(route, "m"), false, [channel.channel.route("x", "nothing")]);
    expect([channel.drain("q1"), channel.drain("q3")]).toEqual([[], ["m"]]);
  });

  test("an auto-delete exchange goes with its last binding, and takes its like with it", async () => {
    const spec = { type: "fanout", durable: true, autoDelete: true, internal: false, arguments: [] };
    await broker.client.declareExchange("outer", spec);
    await broker.client.declareExchange("inner", spec);
    await broker.client.declareExchange("unbound", spec);
    await broker.bindExchange("outer", "inner");
    await broker.bind("inner", "q1");
    await broker.bind("inner", "q2");
    await broker.client.deleteQueue("q1", false, false);
    expect(broker.host.exchanges.has("inner")).toBe(true);
    await broker.client.deleteQueue("q2", false, false);
    expect(["outer", "inner", "unbound"].filter((name) => broker.host.exchanges.has(name))).toEqual(["unbound"]);
  });

  test("ten thousand bindings of one exchange leave no trace when their queue goes", async () => {
    await broker.exchange("x", "topic");
    for (let key = 0; key < 10_000; key++) await broker.bind("x", "q1", `a.${key}.#`);
    const queue = broker.host.queues.get("q1");
    expect(queue?.incoming.size).toBe(10_000);
    await broker.client.deleteQueue("q1", false, false);
    expect(broker.host.exchanges.get("x")?.bindings.size).toBe(0);
    expect(channel.publish("x", "a.77.b", "m")).toBe(PublishResult.none);
  });
});
