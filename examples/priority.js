// Priorities: what is urgent is delivered before what came earlier.
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
await new Promise((resolve) => {
  let delivered = 0;
  channel.consume(queue, (message) => {
    console.log(`priority ${message.properties.priority}: ${message.content}`);
    channel.ack(message);
    if (++delivered === letters.length) resolve();
  });
});
await connection.close();
