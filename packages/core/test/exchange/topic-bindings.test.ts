import { beforeEach, describe, expect, test } from "vitest";
import { newMessage } from "../fixture/neutral-format.ts";
import { refusal, TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

function publish(exchange: string, key: string, body: string, topic: string | null = null): void {
  const route = channel.channel.route(exchange, key, topic);
  channel.channel.publish(route, newMessage(route, body), false);
}

describe("a binding with a topic filter", () => {
  beforeEach(async () => {
    broker = await TestBroker.open();
    channel = broker.channel();
    await broker.queue("device");
    await broker.queue("application");
  });

  test("takes messages of AMQP publishers by their key as a topic", async () => {
    await broker.bind("amq.topic", "device", "a.*", { "x-topic-filter": "a/+" });
    publish("amq.topic", "a.b", "yes");
    publish("amq.topic", "a.b.c", "no");
    expect(channel.drain("device")).toEqual(["yes"]);
  });

  test("goes by the exact topic, where bindings by key see dots", async () => {
    await broker.bind("amq.topic", "device", "v1.0.+", { "x-topic-filter": "v1.0/+" });
    await broker.bind("amq.topic", "application", "v1.0.*");
    publish("amq.topic", "v1.0.x", "exact", "v1.0/x");
    publish("amq.topic", "v1.0.x", "other", null);
    expect(channel.drain("device")).toEqual(["exact"]);
    expect(channel.drain("application")).toEqual(["exact", "other"]);
  });

  test("takes what other exchanges pass on", async () => {
    await broker.exchange("upstream", "fanout");
    await broker.bindExchange("upstream", "amq.topic");
    await broker.bind("amq.topic", "device", "#", { "x-topic-filter": "#" });
    publish("upstream", "a.b", "passed on");
    expect(channel.drain("device")).toEqual(["passed on"]);
  });

  test("ends with its unbinding", async () => {
    await broker.bind("amq.topic", "device", "a", { "x-topic-filter": "a" });
    const args = [["x-topic-filter", { kind: "string", value: "a" }]] as const;
    const binding = { source: "amq.topic", destination: "device", destinationKind: "queue", routingKey: "a" } as const;
    await broker.client.unbind({ ...binding, arguments: args });
    publish("amq.topic", "a", "late");
    expect(channel.drain("device")).toEqual([]);
  });

  test("is refused where the filter is no text", async () => {
    const refused = await refusal(() => broker.bind("amq.topic", "device", "a", { "x-topic-filter": 1 }));
    expect(refused).toBe("precondition-failed: argument 'x-topic-filter' of a binding must be a string");
  });

  test("does not take what others claim that the broker says about itself", async () => {
    await broker.bind("amq.topic", "device", "$SYS.#", { "x-topic-filter": "$SYS/#" });
    publish("amq.topic", "$SYS.uptime", "false");
    expect(channel.drain("device")).toEqual([]);
  });

  test("alone is asked where a message is for MQTT clients only", async () => {
    await broker.bind("amq.topic", "device", "$SYS.#", { "x-topic-filter": "$SYS/#" });
    await broker.bind("amq.topic", "application", "#");
    const names = broker.host.topicTargets("amq.topic", "$SYS/uptime").map((queue) => queue.name);
    expect(names).toEqual(["device"]);
  });
});

describe("a reply path", () => {
  beforeEach(async () => {
    broker = await TestBroker.open();
    channel = broker.channel();
    await broker.queue("replies");
  });

  test.each([
    ["/topic/a.b", "a.b"],
    ["/mqtt/a/b", "a.b"],
    ["/exchange/amq.topic/a%2Eb", "a.b"],
  ])("%s leads from the default exchange to the topic exchange", async (path, key) => {
    await broker.bind("amq.topic", "replies", key);
    publish("", path, "answer");
    expect(channel.drain("replies")).toEqual(["answer"]);
  });

  test("to an MQTT topic leads to the exchange that MQTT's topics are keys of", async () => {
    broker.broker.mqttExchange = "devices";
    await broker.client.declareExchange("devices", {
      type: "topic",
      durable: true,
      autoDelete: false,
      internal: false,
      arguments: [],
    });
    await broker.bind("devices", "replies", "#");
    await broker.queue("others");
    await broker.bind("amq.topic", "others", "#");
    publish("", "/mqtt/a/b", "by MQTT");
    publish("", "/topic/a.b", "by STOMP");
    expect(channel.drain("replies")).toEqual(["by MQTT"]);
    expect(channel.drain("others")).toEqual(["by STOMP"]);
  });

  test("to an MQTT topic keeps its dots", async () => {
    await broker.bind("amq.topic", "replies", "v1.0.x", { "x-topic-filter": "v1.0/x" });
    publish("", "/mqtt/v1.0/x", "answer");
    publish("", "/mqtt/v1/0/x", "somebody else's");
    expect(channel.drain("replies")).toEqual(["answer"]);
  });

  test.each(["/queue/replies", "/amq/queue/replies"])("%s leads to the queue", (path) => {
    publish("", path, "answer");
    expect(channel.drain("replies")).toEqual(["answer"]);
  });

  test("is no way around permissions", async () => {
    await broker.broker.users.put("narrow", "x", []);
    await broker.broker.users.setPermissions("narrow", "/", { configure: "", write: "^amq\\.default$", read: "" });
    const narrow = broker.channel(broker.connect("narrow"));
    expect(await refusal(() => narrow.channel.route("", "/topic/a"))).toContain("access-refused");
  });

  test("is the name of a queue where there is one", async () => {
    await broker.queue("/topic/a");
    publish("", "/topic/a", "for the queue");
    expect(channel.drain("/topic/a")).toEqual(["for the queue"]);
  });
});
