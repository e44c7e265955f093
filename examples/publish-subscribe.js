// Publish and subscribe: a fanout exchange gives every subscriber a copy of every message.
import { once } from "node:events";
import { connect } from "amqplib";

const exchange = "example.news";
const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");

/** Resolves once the subscriber is there; what is published before that it does not get. */
async function subscribe(name) {
  const channel = await connection.createChannel();
  await channel.assertExchange(exchange, "fanout", { durable: false, autoDelete: true });
  // A queue without a name is this subscriber's own. It goes with the connection.
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, exchange, "");
  const hear = (message) => {
    console.log(`${name} heard: ${message.content}`);
    if (message.properties.type === "last") channel.emit("heard the last");
  };
  await channel.consume(queue, hear, { noAck: true });
  return channel;
}

const subscribers = [await subscribe("Ada"), await subscribe("Bob")];
const ends = subscribers.map((channel) => once(channel, "heard the last"));

const publisher = await connection.createChannel();
publisher.publish(exchange, "", Buffer.from("it rains"));
publisher.publish(exchange, "", Buffer.from("it stopped"), { type: "last" });
await Promise.all(ends);
await connection.close();
