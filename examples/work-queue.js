// A work queue: jobs are shared out among workers, and none is lost when a worker or the broker goes.
import { once } from "node:events";
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
const finished = new AbortController();

async function startWorker(name) {
  const channel = await connection.createChannel();
  // One job at a time: the next one goes to whoever is free.
  await channel.prefetch(1);
  await channel.consume(queue, async (message) => {
    // That is how amqplib tells that the queue was deleted.
    if (message === null) return;
    await work();
    console.log(`${name} did ${message.content}`);
    // Without this the job would go to another worker once this one's channel is gone.
    channel.ack(message);
    if (++done === 6) finished.abort();
  });
}

/** Stands for something that takes a while. */
function work() {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

const allDone = once(finished.signal, "abort");
await Promise.all([startWorker("worker A"), startWorker("worker B")]);
await allDone;
await producer.deleteQueue(queue);
await connection.close();
console.log("all jobs are done");
