// A work queue: jobs are shared out among workers, and none is lost when a worker or the broker goes.
import { EventEmitter, once } from "node:events";
import { connect } from "amqplib";

const queue = "example.jobs";
const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");

// A durable queue and persistent messages survive a restart. The confirm says that the broker has them on disk.
const producer = await connection.createConfirmChannel();
await producer.assertQueue(queue, { durable: true });
for (let job = 1; job <= 6; job++) producer.sendToQueue(queue, Buffer.from(`job ${job}`), { persistent: true });
await producer.waitForConfirms();
console.log("6 jobs are safe with the broker");

let done = 0;
const events = new EventEmitter();
const allDone = once(events, "all done");

async function startWorker(name) {
  const channel = await connection.createChannel();
  // One job at a time: the next one goes to whoever is free.
  await channel.prefetch(1);
  const finish = (message) => {
    console.log(`${name} did ${message.content}`);
    // Without this the job would go to another worker once this one's channel is gone.
    channel.ack(message);
    if (++done === 6) events.emit("all done");
  };
  await channel.consume(queue, (message) => {
    // The timer stands for work that takes a while. Null is how amqplib tells that the queue was deleted.
    if (message !== null) setTimeout(finish, 20, message);
  });
}

await Promise.all([startWorker("worker A"), startWorker("worker B")]);
await allDone;
await producer.deleteQueue(queue);
await connection.close();
console.log("all jobs are done");
