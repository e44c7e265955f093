import type { ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import type { ClusterBroker } from "./cluster-broker.ts";
import { StayingClient, stayingChannel, stayingSubscriber } from "./staying-client.ts";
import { stompjsClient } from "./stompjs-client.ts";
import { waitFor } from "./waiting.ts";

/** Of messages that expire, in milliseconds. */
export const timeToLiveMs = 4000;
/** Messages in each queue. */
export const countInDoubt = 40;

/** A client of the doubtful leader, and what it does there. */
export interface Act {
  readonly client: StayingClient;
  /** What needs an answer may never get one. */
  readonly run: () => unknown;
}

export type PrepareAct = (leader: ClusterBroker, queue: string) => Promise<Act>;

/** Does something with the first message that an AMQP consumer was given. */
function withFirst(
  act: (channel: ConfirmChannel, message: ConsumeMessage, client: StayingClient) => unknown,
): PrepareAct {
  return async (leader, queue) => {
    const [client, channel] = await stayingChannel(leader);
    let first: ConsumeMessage | null = null;
    await channel.prefetch(1);
    await channel.consume(queue, (message) => {
      first ??= message;
      client.given.push(String(message?.content));
    });
    await client.holdsOne();
    return { client, run: () => act(channel, first as unknown as ConsumeMessage, client) };
  };
}

/** Does something on an AMQP channel that consumes nothing. */
function onChannel(act: (channel: ConfirmChannel, queue: string, client: StayingClient) => unknown): PrepareAct {
  return async (leader, queue) => {
    const [client, channel] = await stayingChannel(leader);
    return { client, run: () => act(channel, queue, client) };
  };
}

export const actsInDoubt: Readonly<Record<string, PrepareAct>> = {
  ack: withFirst((channel, message) => channel.ack(message)),
  "requeueing nack": withFirst((channel, message) => channel.nack(message, false, true)),
  "nack of what has expired": async (leader, queue) => {
    const overMs = performance.now() + timeToLiveMs;
    const nack = async (channel: ConfirmChannel, message: ConsumeMessage): Promise<void> => {
      await waitFor("the end of its time", () => performance.now() > overMs);
      channel.nack(message, false, true);
    };
    return withFirst(nack)(leader, queue);
  },
  reject: withFirst((channel, message) => channel.reject(message, false)),
  recover: withFirst((channel) => channel.recover()),
  "loss beyond the delivery limit": withFirst((_, __, client) => client.drop()),
  get: onChannel(async (channel, queue, client) => {
    const message = await channel.get(queue, { noAck: true });
    if (message !== false) client.given.push(message.content.toString());
  }),
  consume: onChannel(async (channel, queue, client) => {
    await channel.consume(queue, (message) => void client.given.push(String(message?.content)), { noAck: true });
  }),
  overflow: onChannel((channel, queue) => channel.sendToQueue(queue, Buffer.from("new"), { persistent: true })),
  expiry: onChannel(() => undefined),
  "stomp ack": async (leader, queue) => {
    const client = await (await stayingSubscriber(leader, queue)).holdsOne();
    return { client, run: () => client.sendLate() };
  },
  "stomp nack": async (leader, queue) => {
    const client = new StayingClient();
    const stomp = await stompjsClient(leader.stomp, { heartbeatIncoming: 0, heartbeatOutgoing: 0 });
    stomp.client.onWebSocketClose = () => (client.ended = true);
    const headers = { ack: "client-individual", "prefetch-count": "1" };
    const inbox = await stomp.subscribe(`/amq/queue/${queue}`, headers);
    inbox.onItem = ({ body }) => client.given.push(body);
    for (const { body } of inbox.items) client.given.push(body);
    const first = (await inbox.first(1))[0];
    return { client, run: () => first?.nack({ requeue: "false" }) };
  },
};

export const optionsInDoubt: Readonly<Record<string, Options.AssertQueue>> = {
  overflow: { maxLength: countInDoubt },
  expiry: { messageTtl: timeToLiveMs },
  "nack of what has expired": { messageTtl: timeToLiveMs },
  "loss beyond the delivery limit": { arguments: { "x-delivery-limit": 0 } },
};
