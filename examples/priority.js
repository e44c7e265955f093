// Priorities: what is urgent is delivered before what came earlier.
import { EventEmitter, once } from "node:events";
import { connect } from "amqplib";

const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");
const channel = await connection.createConfirmChannel();
// Each level costs a little; a handful is enough.
const { queue } = await channel.assertQueue("", { exclusive: true, maxPriority: 5 });

const letters = [
  ["a leaflet", 0],
  ["a letter", 1],
  ["a second letter", 1],
  ["a telegram", 5],
];
for (const [text, priority] of letters) channel.sendToQueue(queue, Buffer.from(text), { priority });
await channel.waitForConfirms();

// With a prefetch of 1 the broker still decides what comes next. A large one would have taken the leaflet already.
await channel.prefetch(1);
const events = new EventEmitter();
const allDelivered = once(events, "all delivered");
let delivered = 0;
await channel.consume(queue, (message) => {
  console.log(`priority ${message.properties.priority}: ${message.content}`);
  channel.ack(message);
  if (++delivered === letters.length) events.emit("all delivered");
});
await allDelivered;
await connection.close();
