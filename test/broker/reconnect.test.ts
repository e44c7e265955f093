import { connect as connectManaged } from "amqp-connection-manager";
import { AMQPSession } from "@cloudamqp/amqp-client";
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from "amqplib";
import { createBroker } from "@jackalope/server";
import { expect, onTestFinished, test } from "vitest";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { Inbox, once, waitFor } from "../harness/waiting.ts";

/** An embedded broker that forgets everything when it ends. */
async function forgetfulBroker(port: number) {
  const broker = await createBroker({ amqpPort: port });
  onTestFinished(() => broker.close());
  return broker;
}

test("amqp-connection-manager declares everything again on a broker that has forgotten it, and sends what waited", async () => {
  const first = await forgetfulBroker(0);
  const manager = connectManaged([first.url], { reconnectTimeInSeconds: 0.05 });
  onTestFinished(() => manager.close());
  const channel = manager.createChannel({
    setup: async (raw: Channel) => {
      await raw.assertExchange("events", "topic", { durable: false });
      await raw.assertQueue("events", { durable: false });
      await raw.bindQueue("events", "events", "event.#");
    },
  });
  const inbox = new Inbox<ConsumeMessage>("messages");
  await channel.consume("events", inbox.push, { noAck: true });
  await channel.publish("events", "event.one", Buffer.from("before"));
  await inbox.first(1);
  const disconnected = once<unknown>("the manager to notice", (happened) => manager.once("disconnect", happened));
  await first.close();
  await disconnected;
  const waiting = channel.publish("events", "event.two", Buffer.from("while it was away"));
  await forgetfulBroker(first.ports.amqp ?? 0);
  await waiting;
  await channel.publish("events", "event.three", Buffer.from("afterwards"));
  const bodies = (await inbox.first(3)).map((message) => message.content.toString());
  expect(bodies).toEqual(["before", "while it was away", "afterwards"]);
});

test("a session of amqp-client consumes on from a durable queue after kill -9", async () => {
  const dataDir = await temporaryDataDir();
  const first = await startBrokerProcess(dataDir);
  const connects: number[] = [];
  const session = await AMQPSession.connect(first.url, {
    logger: null,
    reconnectInterval: 50,
    onconnect: () => connects.push(connects.length),
  });
  // The broker ends first, and a session that has lost its connection may refuse to close it.
  onTestFinished(() => session.stop().catch(() => undefined));
  const queue = await session.queue("durable", { durable: true });
  const inbox = new Inbox<string | null>("messages");
  await queue.subscribe({ prefetch: 1 }, (message) => inbox.push(message.bodyString()));
  await queue.publish("before", { deliveryMode: 2 });
  await inbox.first(1);
  await first.end("SIGKILL");
  await startBrokerProcess(dataDir, ["--amqp-port", String(first.amqpPort)]);
  await waitFor("the session to be back", () => connects.length >= 2);
  await queue.publish("afterwards", { deliveryMode: 2 });
  // The acknowledgement of the first one may have been under way when the broker died.
  await waitFor("the second message", () => inbox.items.includes("afterwards"));
});

test("amqplib's own recovery comes back to a broker that was restarted", async () => {
  const first = await forgetfulBroker(0);
  const recovering = await connect(first.url, {
    recovery: {
      initialDelay: 20,
      maxDelay: 100,
      setup: async (model: ChannelModel) => {
        const channel = await model.createChannel();
        await channel.assertQueue("set-up", { durable: false });
      },
    },
  });
  recovering.on("error", () => undefined);
  onTestFinished(() => recovering.close());
  const connected = once<unknown>("the second connection", (happened) => recovering.once("connect", happened));
  await first.close();
  const second = await forgetfulBroker(first.ports.amqp ?? 0);
  await connected;
  await waitFor("the queue", () => second.broker.virtualHosts.get("/")?.queues.has("set-up"));
});
