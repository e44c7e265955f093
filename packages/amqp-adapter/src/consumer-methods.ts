import type { GotMessage } from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";
import type { ChannelSession } from "./channel-session.ts";
import { deliveryTemplate, nativeForDelivery, writeContent } from "./delivery.ts";
import { directReplyQueue } from "./mapping.ts";
import { type MethodHandler, on } from "./method-handler.ts";
import {
  basicCancel,
  basicCancelOk,
  basicConsume,
  basicConsumeOk,
  basicGet,
  basicGetEmpty,
  basicGetOk,
  basicQos,
  basicQosOk,
  basicRecover,
  basicRecoverAsync,
  basicRecoverOk,
} from "./methods/basic.ts";
import type { MethodArguments } from "./methods/definition.ts";
import { namedQueue } from "./queue-methods.ts";

function consume(channel: ChannelSession, values: MethodArguments<typeof basicConsume>): void {
  const { consumerTag: tag, noAck, exclusive } = values;
  const spec = { tag, noAck, exclusive, arguments: values.arguments };
  const consumer =
    values.queue === directReplyQueue
      ? channel.core.consumeDirectReply(spec)
      : channel.core.consume(namedQueue(channel, values.queue), spec);
  consumer.adapterState = deliveryTemplate(channel.number, consumer.tag);
  if (!values.nowait) channel.reply(basicConsumeOk, { consumerTag: consumer.tag });
  consumer.start();
}

function sendGot(channel: ChannelSession, got: GotMessage | null): void {
  if (got === null) {
    channel.reply(basicGetEmpty, { clusterId: "" });
    return;
  }
  const { message, deliveryTag, redelivered, deliveryCount, readyCount: messageCount } = got;
  const { exchange, routingKey } = message.route;
  channel.reply(basicGetOk, { deliveryTag, redelivered, exchange, routingKey, messageCount });
  const { wire, payloadBytesMax } = channel.session;
  const native = nativeForDelivery(message, deliveryCount, payloadBytesMax);
  writeContent(wire.outbox, channel.number, native, message, payloadBytesMax);
  channel.session.checkOutbox();
}

function get(channel: ChannelSession, values: MethodArguments<typeof basicGet>): Promise<void> | undefined {
  const got = channel.core.get(namedQueue(channel, values.queue), values.noAck);
  if (got instanceof Promise) return got.then((late) => sendGot(channel, late));
  sendGot(channel, got);
  return undefined;
}

function requireRequeue(requeue: boolean): void {
  if (!requeue) throw new AmqpError(replyCodes.notImplemented, "requeue=false");
}

/** The rarer methods of class 60 on an open channel. */
export const consumerHandlers: readonly (readonly [number, MethodHandler])[] = [
  on(basicQos, (channel, { prefetchSize, prefetchCount, global }) => {
    if (prefetchSize !== 0) throw new AmqpError(replyCodes.notImplemented, `prefetch_size!=0 (${prefetchSize})`);
    channel.core.qos(prefetchCount, global);
    channel.reply(basicQosOk, {});
  }),
  on(basicConsume, consume),
  on(basicCancel, (channel, { consumerTag, nowait }) => {
    channel.core.cancel(consumerTag);
    if (!nowait) channel.reply(basicCancelOk, { consumerTag });
  }),
  on(basicGet, get),
  on(basicRecover, (channel, { requeue }) => {
    requireRequeue(requeue);
    // The answer comes before the redeliveries.
    channel.reply(basicRecoverOk, {});
    return channel.core.recover()?.over;
  }),
  on(basicRecoverAsync, (channel, { requeue }) => {
    requireRequeue(requeue);
    return channel.core.recover()?.over;
  }),
];
