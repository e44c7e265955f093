import { beforeEach, describe, expect, test } from "vitest";
import { PublishResult } from "../../src/channel/publish-result.ts";
import { refusal, table, TestBroker, TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
  await broker.queue("q");
});

function publish(count: number, queue = "q", first = 1): void {
  for (let body = first; body < first + count; body++) channel.publish("", queue, `${body}`);
}

const spec = { tag: "", noAck: false, exclusive: false, arguments: [] };
const bodiesOf = (each: TestChannel, tag: string): string[] =>
  each.sink.seen.filter((seen) => seen.consumer === tag).map((seen) => seen.body);

describe("subscribing", () => {
  test("delivers nothing before start, then what is ready and what comes", () => {
    publish(2);
    const consumer = channel.channel.consume("q", { ...spec, tag: "t" });
    publish(1, "q", 3);
    expect(channel.sink.bodies).toEqual([]);
    consumer.start();
    publish(1, "q", 4);
    expect(channel.sink.seen.map((each) => `${each.consumer} ${each.tag} ${each.body}`)).toEqual([
      "t 1 1",
      "t 2 2",
      "t 3 3",
      "t 4 4",
    ]);
  });

  test("a tag made by the broker, a tag in use, too many consumers", async () => {
    expect(channel.consume("q").tag).toMatch(/^amq\.ctag-[\w-]{22}$/);
    channel.consume("q", { tag: "t" });
    expect(await refusal(() => channel.consume("q", { tag: "t" }))).toBe(
      "not-allowed: attempt to reuse consumer tag 't'",
    );
    const small = await TestBroker.open({ limits: { channelConsumersMax: 1 } });
    await small.queue("q");
    const full = small.channel();
    full.consume("q");
    expect(await refusal(() => full.consume("q"))).toBe("not-allowed: reached maximum (1) of consumers per channel");
  });

  test("an exclusive consumer has the queue to itself, and gives it free", async () => {
    const text = "access-refused: queue 'q' in vhost '/' in exclusive use";
    channel.consume("q", { tag: "only", exclusive: true });
    const other = broker.channel();
    expect(await refusal(() => other.consume("q"))).toBe(text);
    channel.channel.cancel("only");
    other.consume("q");
    expect(await refusal(() => channel.consume("q", { exclusive: true }))).toBe(text);
  });

  test("an exclusive consumer is refused where the queue picks one itself", async () => {
    await broker.queue("single", { "x-single-active-consumer": true });
    expect(await refusal(() => channel.consume("single", { exclusive: true }))).toBe(
      "access-refused: queue 'single' in vhost '/' in exclusive use",
    );
  });

  test("a missing queue and a priority that is no integer are refused", async () => {
    expect(await refusal(() => channel.consume("none"))).toBe("not-found: no queue 'none' in vhost '/'");
    expect(await refusal(() => channel.consume("q", { arguments: table({ "x-priority": "high" }) }))).toBe(
      "precondition-failed: invalid arg 'x-priority' for queue 'q' in vhost '/': {unacceptable_type,longstr}",
    );
    expect([channel.channel.consumerCount, broker.host.queues.get("q")?.consumerCount]).toEqual([0, 0]);
  });

  test("cancel ends deliveries and leaves what is out, unknown tags are fine", () => {
    channel.consume("q", { tag: "t" });
    publish(1);
    channel.channel.cancel("t");
    channel.channel.cancel("t");
    publish(1, "q", 2);
    expect(channel.sink.bodies).toEqual(["1"]);
    channel.channel.ack(1, false);
    expect(broker.host.queues.get("q")).toMatchObject({ readyCount: 1, unackedCount: 0, consumerCount: 0 });
  });
});

describe("taking turns", () => {
  test("round robin over consumers and channels", () => {
    const other = broker.channel();
    channel.consume("q", { tag: "a", noAck: true });
    channel.consume("q", { tag: "b" });
    other.consume("q", { tag: "c" });
    publish(7);
    expect([bodiesOf(channel, "a"), bodiesOf(channel, "b"), bodiesOf(other, "c")]).toEqual([
      ["1", "4", "7"],
      ["2", "5"],
      ["3", "6"],
    ]);
  });

  test("the highest priority is served while it has credit, then the next", () => {
    channel.channel.qos(2, false);
    channel.consume("q", { tag: "low", arguments: table({ "x-priority": -1 }) });
    channel.consume("q", { tag: "high", arguments: table({ "x-priority": 10 }) });
    publish(5);
    expect([bodiesOf(channel, "high"), bodiesOf(channel, "low")]).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    channel.channel.ack(1, false);
    expect(bodiesOf(channel, "high")).toEqual(["1", "2", "5"]);
  });

  test("a single active consumer gets everything; the next one starts with what came back, in order", async () => {
    await broker.queue("sac", { "x-single-active-consumer": true });
    const [first, second] = [broker.channel(), broker.channel()];
    first.channel.qos(2, false);
    first.consume("sac");
    second.consume("sac");
    publish(4, "sac");
    expect([first.sink.bodies, second.sink.bodies]).toEqual([["1", "2"], []]);
    first.channel.close();
    expect(second.sink.seen.map((each) => `${each.body} ${each.redelivered}`)).toEqual([
      "1 true",
      "2 true",
      "3 false",
      "4 false",
    ]);
  });
});

describe("credit", () => {
  test("prefetch is each consumer's own, and counts for consumers made later", () => {
    channel.consume("q", { tag: "unlimited" });
    channel.channel.qos(1, false);
    channel.channel.cancel("unlimited");
    channel.consume("q", { tag: "a" });
    channel.consume("q", { tag: "b" });
    publish(4);
    expect(channel.sink.bodies).toEqual(["1", "2"]);
    channel.channel.ack(2, false);
    expect(bodiesOf(channel, "b")).toEqual(["2", "3"]);
    channel.channel.ack(0, true);
    expect(channel.sink.bodies).toEqual(["1", "2", "3", "4"]);
  });

  test("a limit a consumer takes the place of the channel's", () => {
    channel.channel.qos(1, true);
    channel.consume("q");
    publish(3);
    expect(channel.sink.bodies).toEqual(["1"]);
    channel.channel.qos(0, false);
    expect(channel.sink.bodies).toEqual(["1", "2", "3"]);
  });

  test("auto-ack consumers have no limit", () => {
    channel.channel.qos(1, false);
    channel.consume("q", { noAck: true });
    publish(3);
    expect([channel.sink.bodies.length, channel.channel.unackedCount]).toEqual([3, 0]);
  });

  test("a global limit holds over all consumers of the channel, and widening it lets more through", async () => {
    await broker.queue("q2");
    channel.channel.qos(3, true);
    channel.consume("q", { tag: "a" });
    channel.consume("q2", { tag: "b" });
    publish(3);
    publish(3, "q2", 4);
    expect(channel.sink.bodies).toEqual(["1", "2", "3"]);
    channel.channel.ack(2, true);
    expect(channel.sink.bodies).toEqual(["1", "2", "3", "4", "5"]);
    channel.channel.qos(0, true);
    expect(channel.sink.bodies).toHaveLength(6);
    channel.channel.qos(1, true);
    publish(1, "q", 7);
    channel.channel.ack(0, true);
    expect(channel.sink.bodies.at(-1)).toBe("7");
  });

  test("both limits hold together", () => {
    channel.channel.qos(2, false);
    channel.channel.qos(3, true);
    channel.consume("q", { tag: "a" });
    channel.consume("q", { tag: "b" });
    publish(9);
    expect(channel.channel.unackedCount).toBe(3);
    for (let acknowledged = 1; acknowledged <= 6; acknowledged++) {
      channel.channel.ack(acknowledged, false);
      expect(channel.channel.unackedCount).toBe(3);
    }
    expect(channel.sink.bodies).toHaveLength(9);
  });

  test("what basic.get fetched is no consumer's credit", () => {
    channel.channel.qos(1, true);
    publish(3);
    const got = channel.get("q", false);
    channel.consume("q");
    expect(channel.sink.bodies).toEqual(["2"]);
    channel.channel.ack(got?.deliveryTag ?? 0, false);
    expect(channel.sink.bodies).toEqual(["2"]);
    channel.channel.ack(2, false);
    expect(channel.sink.bodies).toEqual(["2", "3"]);
  });

  test("requeued to itself, a message comes back at once", () => {
    channel.channel.qos(1, false);
    channel.consume("q");
    publish(2);
    channel.channel.reject(1, false, true, "nack");
    expect(channel.sink.seen.map((each) => `${each.body} ${each.redelivered}`)).toEqual(["1 false", "1 true"]);
  });

  test("a rejected message of a cancelled consumer goes to another one", () => {
    const other = broker.channel();
    channel.consume("q", { tag: "t" });
    publish(1);
    channel.channel.cancel("t");
    other.consume("q");
    channel.channel.reject(1, false, true, "nack");
    expect(other.sink.bodies).toEqual(["1"]);
  });

  test("settling gives deliveries of all queues a new chance, however they alternate", async () => {
    const names = Array.from({ length: 5 }, (_, index) => `many-${index}`);
    channel.channel.qos(1, false);
    for (const name of names) {
      await broker.queue(name);
      channel.consume(name, { tag: name });
      publish(3, name);
    }
    for (let round = 0; round < 2; round++) channel.channel.ack(0, true);
    for (const name of names) expect(bodiesOf(channel, name)).toEqual(["1", "2", "3"]);
    channel.channel.ack(0, true);
    expect(channel.channel.unackedCount).toBe(0);
  });
});

describe("pause and resume", () => {
  test("a paused channel gets nothing, auto-ack or not, and then everything in order", async () => {
    await broker.queue("q2");
    channel.consume("q", { tag: "ack" });
    channel.consume("q2", { tag: "auto", noAck: true });
    channel.channel.pause();
    publish(2);
    publish(2, "q2", 3);
    expect(channel.sink.bodies).toEqual([]);
    channel.channel.resume();
    expect([bodiesOf(channel, "ack"), bodiesOf(channel, "auto")]).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
  });

  test("others go on", () => {
    const other = broker.channel();
    channel.consume("q");
    other.consume("q");
    channel.channel.pause();
    publish(3);
    expect([channel.sink.bodies, other.sink.bodies]).toEqual([[], ["1", "2", "3"]]);
  });

  test("an outbox that fills up in the middle of a delivery stops it there", () => {
    publish(10);
    channel.sink.onDeliver = () => {
      if (channel.sink.seen.length % 3 === 0) channel.channel.pause();
    };
    channel.consume("q", { noAck: true });
    expect(channel.sink.bodies).toHaveLength(3);
    channel.channel.resume();
    expect(channel.sink.bodies).toHaveLength(6);
    channel.channel.resume();
    channel.channel.resume();
    expect(channel.sink.bodies).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
  });

  test("acknowledgements taken while paused count when it resumes", () => {
    channel.channel.qos(1, true);
    channel.consume("q");
    publish(2);
    channel.channel.pause();
    channel.channel.ack(1, false);
    expect(channel.sink.bodies).toEqual(["1"]);
    channel.channel.resume();
    expect(channel.sink.bodies).toEqual(["1", "2"]);
  });
});

describe("direct replies", () => {
  test("reach the channel that asked, and nobody after it is gone", async () => {
    const server = broker.channel();
    channel.channel.consumeDirectReply({ ...spec, tag: "reply", noAck: true }).start();
    const address = channel.channel.replyAddress ?? "";
    expect(address).toMatch(/^amq\.rabbitmq\.reply-to\.[\w-]{22}$/);
    expect(server.publish("", address, "answer")).toBe(PublishResult.routed);
    expect(channel.sink.seen.map((each) => `${each.consumer} ${each.body}`)).toEqual(["reply answer"]);
    channel.channel.close();
    expect(server.publish("", address, "late", {}, true)).toBe(PublishResult.none);
    expect(server.sink.events).toEqual(["return late"]);
  });

  test("need auto-ack, once a channel, and can be asked for again after a cancel", async () => {
    const ask = (noAck: boolean): void => channel.channel.consumeDirectReply({ ...spec, tag: "r", noAck }).start();
    expect(await refusal(() => ask(false))).toBe("precondition-failed: reply consumer cannot acknowledge");
    ask(true);
    const first = channel.channel.replyAddress;
    expect(await refusal(() => ask(true))).toBe("precondition-failed: reply consumer already set");
    channel.channel.cancel("r");
    expect(channel.channel.replyAddress).toBeNull();
    ask(true);
    expect(channel.channel.replyAddress).not.toBe(first);
  });

  test("cannot be bound to, consumed from by others, or seen", async () => {
    channel.channel.consumeDirectReply({ ...spec, noAck: true });
    const address = channel.channel.replyAddress ?? "";
    expect(await refusal(() => broker.bind("amq.direct", address, "k"))).toBe(
      "access-refused: cannot bind or unbind to a volatile (direct reply-to) queue",
    );
    expect(await refusal(() => broker.channel().consume(address))).toMatch(/^not-found: /);
    expect([...broker.host.queues.keys()]).toEqual(["q"]);
  });
});

describe("many of them", () => {
  test("ten thousand consumers of one queue end with their connection, without delivering to the dying ones", async () => {
    const client = broker.connect();
    const dying = new TestChannel(client);
    const also = new TestChannel(client);
    for (let index = 0; index < 10_000; index++)
      dying.consume("q", { arguments: table({ "x-priority": index % 100 }) });
    also.consume("q", { noAck: true, arguments: table({ "x-priority": -1 }) });
    publish(100);
    const seen = dying.sink.seen.length + also.sink.seen.length;
    client.close();
    expect(dying.sink.seen.length + also.sink.seen.length).toBe(seen);
    expect(broker.host.queues.get("q")).toMatchObject({ consumerCount: 0, unackedCount: 0, readyCount: 100 });
  });
});
