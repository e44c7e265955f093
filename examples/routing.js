// Routing: a direct exchange gives a message to the queues that are bound by its key.
import { connect } from "amqplib";

const exchange = "example.log";
const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");
const channel = await connection.createConfirmChannel();
await channel.assertExchange(exchange, "direct", { durable: false, autoDelete: true });

const file = (await channel.assertQueue("", { exclusive: true })).queue;
const pager = (await channel.assertQueue("", { exclusive: true })).queue;
for (const level of ["info", "warning", "error"]) await channel.bindQueue(file, exchange, level);
await channel.bindQueue(pager, exchange, "error");

// A mandatory message that no queue wants comes back; without the flag it would vanish.
channel.on("return", ({ fields, content }) => console.log(`nobody wants ${fields.routingKey}: ${content}`));
for (const level of ["info", "error", "debug"]) {
  channel.publish(exchange, level, Buffer.from(`a line of level ${level}`), { mandatory: true });
}
await channel.waitForConfirms();

for (const [name, queue] of Object.entries({ file, pager })) {
  for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
    console.log(`${name} has: ${message.content}`);
    channel.ack(message);
  }
}
await connection.close();
