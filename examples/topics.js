// Topics: keys are words with dots between, and bindings are patterns: * is one word, # is any number of words.
import { connect } from "amqplib";

const exchange = "example.sensors";
const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");
const channel = await connection.createConfirmChannel();
await channel.assertExchange(exchange, "topic", { durable: false, autoDelete: true });

const patterns = ["kitchen.#", "*.temperature", "#"];
const queues = new Map();
for (const pattern of patterns) {
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, exchange, pattern);
  queues.set(pattern, queue);
}

for (const key of ["kitchen.temperature", "kitchen.oven.door", "garage.temperature", "garage.light"]) {
  channel.publish(exchange, key, Buffer.from("a reading"));
}
await channel.waitForConfirms();

for (const [pattern, queue] of queues) {
  const keys = [];
  for (let message = await channel.get(queue, { noAck: true }); message; ) {
    keys.push(message.fields.routingKey);
    message = await channel.get(queue, { noAck: true });
  }
  console.log(`${pattern} got ${keys.join(", ")}`);
}
await connection.close();
