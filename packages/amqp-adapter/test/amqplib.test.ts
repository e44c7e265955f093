import { until } from "@jackalope/testkit";
import { connect, type Channel, type ChannelModel, type ConsumeMessage } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";

const connections: ChannelModel[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close().catch(() => undefined);
});

async function open(fixture: AdapterFixture, query = ""): Promise<ChannelModel> {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${fixture.port}/${query}`);
  connection.on("error", () => undefined);
  connections.push(connection);
  return connection;
}

/** The next `count` messages of a queue, acknowledged. */
function take(channel: Channel, queue: string, count: number): Promise<ConsumeMessage[]> {
  const messages: ConsumeMessage[] = [];
  return new Promise((resolve, reject) => {
    const consumed = channel.consume(queue, (message) => {
      if (message === null) {
        reject(new Error("cancelled"));
        return;
      }
      messages.push(message);
      channel.ack(message);
      if (messages.length === count) resolve(messages);
    });
    consumed.catch(reject);
  });
}

describe("amqplib", () => {
  it("declares, binds, publishes, consumes and deletes", async () => {
    const fixture = await startAdapter();
    const channel = await (await open(fixture)).createChannel();
    await channel.assertExchange("logs", "topic", { durable: true });
    await channel.assertExchange("all", "fanout");
    await channel.bindExchange("all", "logs", "#");
    const { queue } = await channel.assertQueue("", { exclusive: true });
    expect(queue).toMatch(/^amq\.gen-.{22}$/);
    await channel.bindQueue(queue, "all", "");
    const sent = {
      contentType: "text/plain",
      persistent: true,
      priority: 3,
      headers: { n: 1, deep: { list: [1, "two", null] } },
    };
    channel.publish("logs", "a.b", Buffer.from("hello"), {
      ...sent,
      messageId: "m",
      timestamp: 1_700_000_000,
      appId: "t",
    });
    const [message] = await take(channel, queue, 1);
    expect(message?.content.toString()).toBe("hello");
    expect(message?.fields).toMatchObject({ exchange: "logs", routingKey: "a.b", redelivered: false, deliveryTag: 1 });
    expect(message?.properties).toMatchObject({
      contentType: "text/plain",
      deliveryMode: 2,
      priority: 3,
      headers: sent.headers,
      messageId: "m",
      timestamp: 1_700_000_000,
      appId: "t",
    });
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0, consumerCount: 1 });
    await channel.unbindExchange("all", "logs", "#");
    await channel.unbindQueue(queue, "all", "");
    expect(await channel.deleteQueue(queue)).toEqual({ messageCount: 0 });
    await channel.deleteExchange("logs");
    await channel.close();
  });

  it("confirms thousands of publishes and keeps their order", async () => {
    const fixture = await startAdapter();
    const connection = await open(fixture);
    const confirming = await connection.createConfirmChannel();
    const channel = await connection.createChannel();
    await channel.assertQueue("q");
    const count = 5000;
    for (let index = 0; index < count; index++)
      confirming.sendToQueue("q", Buffer.from(String(index)), { persistent: true });
    await confirming.waitForConfirms();
    await channel.prefetch(100);
    const messages = await take(channel, "q", count);
    expect(messages.map((message) => Number(message.content))).toEqual(
      Array.from({ length: count }, (_, index) => index),
    );
    expect(fixture.broker.totals.confirmed).toBe(count);
  });

  it("works with frames of 4096 bytes and bodies far beyond", async () => {
    const fixture = await startAdapter();
    const channel = await (await open(fixture, "?frameMax=4096")).createConfirmChannel();
    await channel.assertQueue("q");
    const body = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
    channel.sendToQueue("q", body);
    await channel.waitForConfirms();
    const got = await channel.get("q");
    expect(got === false ? null : got.content.equals(body)).toBe(true);
  });

  it("gets nacked and rejected messages again, once for each", async () => {
    const fixture = await startAdapter();
    const channel = await (await open(fixture)).createConfirmChannel();
    await channel.assertQueue("q");
    for (const text of ["a", "b", "c"]) channel.sendToQueue("q", Buffer.from(text));
    await channel.waitForConfirms();
    const first = await channel.get("q");
    const second = await channel.get("q");
    if (first === false || second === false) throw new Error("nothing there");
    channel.nack(second, true, true);
    const again = await take(channel, "q", 3);
    expect(again.map((message) => [message.content.toString(), message.fields.redelivered])).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
  });

  it("hears of returns, cancelled consumers, and a channel that is closed under it", async () => {
    const fixture = await startAdapter();
    const connection = await open(fixture);
    const channel = await connection.createChannel();
    const other = await connection.createChannel();
    const returned = new Promise<string>((resolve) => {
      channel.on("return", (message: ConsumeMessage) => resolve(message.content.toString()));
    });
    channel.publish("", "nowhere", Buffer.from("back"), { mandatory: true });
    expect(await returned).toBe("back");

    await channel.assertQueue("q");
    const cancelled = new Promise<null>((resolve) => {
      void channel.consume("q", (message) => {
        if (message === null) resolve(message);
      });
    });
    await until(() => fixture.broker.virtualHosts.get("/")?.queues.get("q")?.consumerCount === 1);
    await other.deleteQueue("q");
    expect(await cancelled).toBeNull();

    const failed = new Promise<Error>((resolve) => {
      channel.on("error", resolve);
    });
    channel.publish("missing", "k", Buffer.from("x"));
    expect((await failed).message).toContain(
      "404 (NOT-FOUND) with message \"NOT_FOUND - no exchange 'missing' in vhost '/'\"",
    );
    // The connection lives on.
    await other.assertQueue("q2");
  });

  it("keeps another connection out of an exclusive queue, and frees it at the end", async () => {
    const fixture = await startAdapter();
    const owner = await connect(`amqp://guest:guest@127.0.0.1:${fixture.port}`);
    await (await owner.createChannel()).assertQueue("mine", { exclusive: true });
    const intruder = await (await open(fixture)).createChannel();
    intruder.on("error", () => undefined);
    await expect(intruder.checkQueue("mine")).rejects.toThrow("RESOURCE_LOCKED");
    await owner.close();
    const channel = await (await open(fixture)).createChannel();
    channel.on("error", () => undefined);
    await expect(channel.checkQueue("mine")).rejects.toThrow("NOT_FOUND");
  });
});
