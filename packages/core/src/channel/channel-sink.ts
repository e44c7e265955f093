import type { BrokerError } from "../errors.ts";
import type { Message } from "../message.ts";
import type { ConfirmSink } from "./confirms.ts";
import type { Consumer } from "./consumer.ts";

/**
 * What an adapter implements for each channel. All calls are synchronous and inside the turn that caused them: encode
 * before returning, keep nothing of an un-owned message, and do not throw: a sink that does loses its connection.
 */
export interface ChannelSink extends ConfirmSink {
  /**
   * A message for the client. `deliveryCount` is how often its delivery failed before, 0 where the queue does not count.
   */
  deliver(consumer: Consumer, message: Message, deliveryTag: number, redelivered: boolean, deliveryCount: number): void;
  /** A mandatory message that no queue got. Comes before the publish's confirm. */
  returned(message: Message): void;
  /** The queue went away under the consumer, which is already removed. */
  cancelled(consumer: Consumer): void;
  /** The broker ends the channel for a reason found outside of a request. The channel is already closed. */
  failed(error: BrokerError): void;
}
