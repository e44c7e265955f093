// Remote procedure calls over direct reply-to: answers come to the client without a queue of their own.
import { randomUUID } from "node:crypto";
import { connect } from "amqplib";

const queue = "example.fibonacci";
const replyTo = "amq.rabbitmq.reply-to";
const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");

const server = await connection.createChannel();
await server.assertQueue(queue, { durable: false, autoDelete: true });
await server.prefetch(1);
await server.consume(queue, (request) => {
  const number = Number(request.content.toString());
  console.log(`server: fibonacci(${number})?`);
  const { replyTo: address, correlationId } = request.properties;
  server.sendToQueue(address, Buffer.from(String(fibonacci(number))), { correlationId });
  server.ack(request);
});

function fibonacci(number) {
  return number < 2 ? number : fibonacci(number - 1) + fibonacci(number - 2);
}

const client = await connection.createChannel();
const pending = new Map();
// The consumer has to be there before the first request, on the same channel, and without acknowledgements.
await client.consume(
  replyTo,
  (answer) => {
    const { correlationId } = answer.properties;
    pending.get(correlationId)?.(answer.content.toString());
    pending.delete(correlationId);
  },
  { noAck: true },
);

function call(number) {
  const correlationId = randomUUID();
  return new Promise((resolve) => {
    pending.set(correlationId, resolve);
    client.sendToQueue(queue, Buffer.from(String(number)), { replyTo, correlationId });
  });
}

const numbers = [5, 10, 20];
const answers = await Promise.all(numbers.map(call));
for (const [index, number] of numbers.entries()) console.log(`client: fibonacci(${number}) = ${answers[index]}`);
await connection.close();
