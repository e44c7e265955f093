// Retry after a while, and give up after some attempts, by a TTL and dead-lettering alone:
//
//   work --rejected--> wait --expired after 100 ms--> work ... and after three attempts --> failed
import { EventEmitter, once } from "node:events";
import { connect } from "amqplib";

const work = "example.retry.work";
const wait = "example.retry.wait";
const failed = "example.retry.failed";
const attemptsMax = 3;

const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");
const channel = await connection.createConfirmChannel();
// The default exchange, whose name is empty, routes by the name of the queue.
await channel.assertQueue(work, { deadLetterExchange: "", deadLetterRoutingKey: wait });
await channel.assertQueue(wait, { deadLetterExchange: "", deadLetterRoutingKey: work, messageTtl: 100 });
await channel.assertQueue(failed);

for (const text of ["works at once", "works at the second attempt", "never works"]) {
  channel.sendToQueue(work, Buffer.from(text), { persistent: true });
}
await channel.waitForConfirms();

/** How often the message was rejected before: the broker writes it into the x-death header. */
function rejections(message) {
  const deaths = message.properties.headers["x-death"] ?? [];
  return deaths.find(({ queue, reason }) => queue === work && reason === "rejected")?.count ?? 0;
}

function succeeds(text, attempt) {
  return text === "works at once" || (text === "works at the second attempt" && attempt === 2);
}

let open = 3;
const events = new EventEmitter();
const allSettled = once(events, "all settled");

async function handle(message) {
  const text = message.content.toString();
  const attempt = rejections(message) + 1;
  if (!succeeds(text, attempt) && attempt < attemptsMax) {
    console.log(`${text}: attempt ${attempt} failed, again in 100 ms`);
    channel.reject(message, false);
    return;
  }
  if (succeeds(text, attempt)) {
    console.log(`${text}: done at attempt ${attempt}`);
  } else {
    console.log(`${text}: given up after ${attempt} attempts`);
    // First into the other queue, and only when the broker has it there, out of this one.
    channel.sendToQueue(failed, message.content, { persistent: true, headers: message.properties.headers });
    await channel.waitForConfirms();
  }
  channel.ack(message);
  if (--open === 0) events.emit("all settled");
}

await channel.consume(work, (message) => {
  // Null is how amqplib tells that the queue was deleted.
  if (message !== null) void handle(message);
});
await allSettled;

const { messageCount } = await channel.checkQueue(failed);
console.log(`${messageCount} message to look at`);
for (const queue of [work, wait, failed]) await channel.deleteQueue(queue);
await connection.close();
