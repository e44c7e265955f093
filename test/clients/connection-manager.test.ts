import { connect } from "amqp-connection-manager";
import { type Channel, type ConsumeMessage } from "amqplib";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freshName, startTarget, type Target } from "../harness/target.ts";
import { Inbox } from "../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

test("the manager declares, publishes with confirms and consumes", async () => {
  const manager = connect([target.url], { heartbeatIntervalInSeconds: 5 });
  onTestFinished(() => manager.close());
  const queue = freshName("managed");
  const channel = manager.createChannel({
    json: true,
    setup: async (raw: Channel) => {
      await raw.assertQueue(queue, { durable: false, autoDelete: true });
      await raw.bindQueue(queue, "amq.topic", `${queue}.#`);
    },
  });
  const inbox = new Inbox<ConsumeMessage>("messages");
  await channel.consume(queue, inbox.push, { prefetch: 10 });
  for (let index = 0; index < 20; index++) {
    expect(await channel.publish("amq.topic", `${queue}.${index}`, { index }, { persistent: true })).toBe(true);
    const message = (await inbox.first(index + 1))[index];
    expect(JSON.parse(message?.content.toString() ?? "")).toEqual({ index });
    if (message !== undefined) channel.ack(message);
  }
});

test("the manager tries the next broker where the first one is not there", async () => {
  const manager = connect(["amqp://127.0.0.1:1", target.url], { reconnectTimeInSeconds: 0.01 });
  onTestFinished(() => manager.close());
  const channel = manager.createChannel({
    setup: (raw: Channel) => raw.assertQueue("", { exclusive: true }).then(() => undefined),
  });
  await channel.waitForConnect();
  expect(manager.isConnected()).toBe(true);
});
