import { fileURLToPath } from "node:url";
import { createBroker } from "@jackalope/server";
import { expect, test } from "vitest";
import { amqplibChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { succeed } from "../harness/command.ts";

const program = `
import { connect } from "amqplib";
import { createBroker } from "@jackalope/server";
const startedAtMs = performance.now();
const broker = await createBroker();
const readyMs = performance.now() - startedAtMs;
const connection = await connect(broker.url);
const channel = await connection.createChannel();
const { queue } = await channel.assertQueue("");
const received = new Promise((resolve) => channel.consume(queue, resolve, { noAck: true }));
channel.sendToQueue(queue, Buffer.from("hello"));
console.log((await received).content.toString(), readyMs < 900);
await connection.close();
await broker.close();
`;

test("a program with a broker inside ends by itself once the broker is closed", async () => {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const output = await succeed(process.execPath, ["--input-type=module", "--eval", program], { cwd, boundMs: 15_000 });
  expect(output).toBe("hello true\n");
});

test("two brokers in one program have nothing to do with each other", async () => {
  const brokers = await Promise.all([createBroker(), createBroker({ heartbeat: "0s", maxMessageSize: 1024 })]);
  try {
    const channels = await Promise.all(brokers.map((broker) => amqplibChannel(broker.url)));
    for (const [index, channel] of channels.entries()) {
      await channel.assertQueue("same name");
      channel.sendToQueue("same name", Buffer.from(`broker ${index}`));
    }
    for (const [index, channel] of channels.entries()) {
      expect(texts(await (await messagesOf(channel, "same name")).first(1))).toEqual([`broker ${index}`]);
    }
  } finally {
    await Promise.all(brokers.map((broker) => broker.close()));
  }
});
