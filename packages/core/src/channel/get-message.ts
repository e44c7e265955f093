import { BrokerError } from "../errors.ts";
import type { Message } from "../message.ts";
import type { Queue } from "../queue/queue.ts";
import type { Channel } from "./channel.ts";
import type { Settlements } from "./settlements.ts";

/** What basic.get brings. */
export interface GotMessage {
  readonly queue: Queue;
  readonly message: Message;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly deliveryCount: number;
  /** Ready messages left behind it. */
  readonly readyCount: number;
}

/**
 * Fetches one message for `channel`, whose deliveries `settlements` keeps. A promise where the message has to be read
 * back from the store first. Throws resource-locked and, with too many unacknowledged deliveries, precondition-failed.
 */
export function getMessage(
  channel: Channel,
  settlements: Settlements,
  queue: Queue,
  noAck: boolean,
): GotMessage | null | Promise<GotMessage | null> {
  if (queue.options.singleActiveConsumer) {
    const text = `cannot obtain access to locked ${queue.title}. basic.get operations are not supported by classic queues with single active consumer`;
    throw new BrokerError("resource-locked", text);
  }
  const host = channel.connection.virtualHost;
  const maximum = host.store.limits.channelUnackedMax;
  if (!noAck && settlements.unackedCount >= maximum) {
    throw new BrokerError("precondition-failed", `channel has ${maximum} unacknowledged deliveries`);
  }
  host.queueUsed(queue);
  return takeFrom(channel, settlements, queue, noAck);
}

function takeFrom(
  channel: Channel,
  settlements: Settlements,
  queue: Queue,
  noAck: boolean,
): GotMessage | null | Promise<GotMessage | null> {
  const entry = queue.take();
  if (entry === null) {
    const pagedOut = queue.ready.count > 0 && !queue.deleted;
    return pagedOut ? waitAndTake(channel, settlements, queue, noAck) : null;
  }
  const totals = channel.connection.virtualHost.totals;
  totals.delivered++;
  if (entry.redelivered) totals.redelivered++;
  if (noAck) queue.settle(entry);
  else queue.unackedCount++;
  return {
    queue,
    message: entry.message,
    deliveryTag: noAck ? settlements.skip() : settlements.push(entry),
    redelivered: entry.redelivered,
    deliveryCount: queue.countsDeliveries ? entry.deliveryCount : 0,
    readyCount: queue.ready.count,
  };
}

async function waitAndTake(
  channel: Channel,
  settlements: Settlements,
  queue: Queue,
  noAck: boolean,
): Promise<GotMessage | null> {
  await queue.whenPagedIn();
  return channel.closed ? null : takeFrom(channel, settlements, queue, noAck);
}
