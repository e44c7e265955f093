import { expect } from "vitest";
import { amqplibConfirmChannel, messagesOf } from "./amqplib-client.ts";
import type { ClusterBroker } from "./cluster-broker.ts";
import type { StayingClient } from "./staying-client.ts";
import { waitFor } from "./waiting.ts";

/** A leader that stands still is soon succeeded. */
export const shortLease: readonly string[] = ["--redis-lease", "700ms"];
/** From SIGCONT to the end of the connections. */
const endMs = 5000;

/** A durable queue with messages. */
export async function fillQueue(broker: ClusterBroker, queue: string, messages: readonly string[]): Promise<void> {
  const channel = await amqplibConfirmChannel(broker.amqpUrl);
  await channel.assertQueue(queue);
  for (const body of messages) channel.sendToQueue(queue, Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
}

/** Everything that was acknowledged to this broker before is stored. */
export async function allStored(broker: ClusterBroker): Promise<void> {
  await fillQueue(broker, "behind", ["it is confirmed behind everything else"]);
}

/** Takes and acknowledges all that is in a queue, for good; returns it. */
export async function drain(broker: ClusterBroker, queue: string): Promise<readonly string[]> {
  const channel = await amqplibConfirmChannel(broker.amqpUrl);
  const inbox = await messagesOf(channel, queue);
  inbox.onItem = (message) => channel.ack(message);
  for (const message of inbox.items) channel.ack(message);
  // Without a prefetch nothing waits in it for long; the last ones come before this answer.
  await waitFor("an empty queue", async () => (await channel.checkQueue(queue)).messageCount === 0);
  await allStored(broker);
  return inbox.items.map(({ content }) => content.toString());
}

/** Stops the leader until `settleThere` has settled everything at its successor. Returns what came after SIGCONT, to those who got something. */
export async function givenByStaleLeader(
  leader: ClusterBroker,
  standby: ClusterBroker,
  clients: readonly StayingClient[],
  settleThere: () => Promise<void>,
): Promise<readonly (readonly string[])[]> {
  await leader.stop();
  for (const client of clients) client.sendLate();
  await standby.becomes("ready");
  await settleThere();
  const before = clients.map(({ given, ended }) => {
    expect(ended).toBe(false);
    return given.length;
  });
  leader.signal("SIGCONT");
  await waitFor("the end of the connections", () => clients.every(({ ended }) => ended), endMs);
  await leader.becomes("standby", "leads");
  return clients.map(({ given }, at) => given.slice(before[at])).filter((late) => late.length > 0);
}
