import type { BindingSpec, FieldTable, Queue } from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";
import type { ChannelSession } from "./channel-session.ts";
import { declaredName, directReplyQueue } from "./mapping.ts";
import { type MethodHandler, on } from "./method-handler.ts";
import {
  queueBind,
  queueBindOk,
  queueDeclare,
  queueDeclareOk,
  queueDelete,
  queueDeleteOk,
  queuePurge,
  queuePurgeOk,
  queueUnbind,
  queueUnbindOk,
} from "./methods/queue.ts";

/** An empty name means the queue that the channel declared last. Throws 404 where there is none. */
export function namedQueue(channel: ChannelSession, name: string): string {
  if (name !== "") return name;
  if (channel.lastQueueName === "") throw new AmqpError(replyCodes.notFound, "no previously declared queue");
  return channel.lastQueueName;
}

/**
 * Nobody makes a reply address by declaring it: the declaration, passive or not, asks whether the address still has its
 * consumer (RabbitMQ, direct reply-to). Throws not-found.
 */
function declareReplyAddress(channel: ChannelSession, name: string, nowait: boolean): void {
  const host = channel.session.client.virtualHost;
  if (name !== directReplyQueue && host.queue(name) === undefined) host.requireQueue(name);
  channel.lastQueueName = name;
  if (!nowait) channel.reply(queueDeclareOk, { queue: name, messageCount: 0, consumerCount: 1 });
}

interface QueueBindingArguments {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** With neither queue nor key given, both mean the last declared queue (AMQP 0-9-1, queue.bind.routing-key). */
function queueBinding(channel: ChannelSession, values: QueueBindingArguments): BindingSpec {
  const destination = namedQueue(channel, declaredName(values.queue));
  return {
    source: declaredName(values.exchange),
    destination,
    destinationKind: "queue",
    routingKey: values.queue === "" && values.routingKey === "" ? destination : values.routingKey,
    arguments: values.arguments,
  };
}

/** Class 50 on an open channel. */
export const queueHandlers: readonly (readonly [number, MethodHandler])[] = [
  on(queueDeclare, async (channel, values) => {
    const { client } = channel.session;
    const name = declaredName(values.queue);
    if (name.startsWith(directReplyQueue)) return declareReplyAddress(channel, name, values.nowait);
    const queue: Queue = values.passive ? client.checkQueue(name) : await client.declareQueue(name, values);
    channel.lastQueueName = queue.name;
    if (values.nowait) return;
    const { readyCount: messageCount, consumerCount } = queue;
    channel.reply(queueDeclareOk, { queue: queue.name, messageCount, consumerCount });
  }),
  on(queueBind, async (channel, values) => {
    await channel.session.client.bind(queueBinding(channel, values));
    if (!values.nowait) channel.reply(queueBindOk, {});
  }),
  on(queueUnbind, async (channel, values) => {
    await channel.session.client.unbind(queueBinding(channel, values));
    channel.reply(queueUnbindOk, {});
  }),
  on(queuePurge, async (channel, values) => {
    const messageCount = await channel.session.client.purgeQueue(namedQueue(channel, values.queue));
    if (!values.nowait) channel.reply(queuePurgeOk, { messageCount });
  }),
  on(queueDelete, async (channel, values) => {
    const name = namedQueue(channel, declaredName(values.queue));
    const messageCount = await channel.session.client.deleteQueue(name, values.ifUnused, values.ifEmpty);
    if (!values.nowait) channel.reply(queueDeleteOk, { messageCount });
  }),
];
