/** The kit for protocol authors: everything an adapter needs of the core. */
export { Payer } from "./account/payer.ts";
export { Tab } from "./account/tab.ts";
export { awaitOperation } from "./await-operation.ts";
export { Broker } from "./broker.ts";
export { ClientConnection, type ConnectionOptions } from "./client-connection.ts";
export { ChunkBuffer } from "./chunk-buffer.ts";
export { Channel } from "./channel/channel.ts";
export type { ChannelSink } from "./channel/channel-sink.ts";
export { type ConsumeSpec, Consumer, type MessageFilter } from "./channel/consumer.ts";
export type { GotMessage } from "./channel/get-message.ts";
export { PublishResult } from "./channel/publish-result.ts";
export { Transaction } from "./channel/transaction.ts";
export type { Clock, Timer } from "./clock.ts";
export { SparingLog } from "./sparing-log.ts";
export { ConnectionLog, type ConnectionLogOptions, type EndedBy } from "./connection-log.ts";
export { Containment, type FailurePlace } from "./containment.ts";
export { copyBytes } from "./copy-bytes.ts";
export { BrokerError, type BrokerErrorCode } from "./errors.ts";
export type { BindingSpec } from "./exchange/binding.ts";
export { topicFilterBinding } from "./exchange/topic-filter-binding.ts";
export { TopicFilterTree } from "./exchange/topic-filter-tree.ts";
export { keyOfFilter, keyOfTopic, topicIsPlain, topicLevelsMax, topicOfKey } from "./exchange/topic-name.ts";
export type { ExchangeSpec } from "./exchange/exchange.ts";
export { expiryMsMax } from "./expiry.ts";
export { fieldText } from "./field-text.ts";
export {
  emptyFieldTable,
  type FieldTable,
  type FieldValue,
  findField,
  integerOf,
  stringField,
  withField,
} from "./field-value.ts";
export { type FrameKind, HeldFrames, HeldTotal } from "./held-frames.ts";
export { LastConversion } from "./last-conversion.ts";
export type { Limits } from "./limits.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export { inBackgroundSlices, inSlices, type Steps, type UnderWay } from "./long-act.ts";
export { Message } from "./message.ts";
export { type MessageFormat, messageFormat, registerMessageFormat } from "./message-format.ts";
export { isLongerThan, nameBytesMax, topicBytesMax } from "./name-bounds.ts";
export { headersWithOrigin, withOrigin } from "./origin.ts";
export { Outbox, type OutboxTarget } from "./outbox.ts";
export { defaultOutboxBounds, type OutboxBounds } from "./outbox-bounds.ts";
export type { Properties } from "./properties.ts";
export { deathHeader, deathHistory } from "./queue/death-history.ts";
export { fieldTypeName } from "./queue/queue-arguments.ts";
export { percentDecoded } from "./percent-encoding.ts";
export { PublisherThrottle, type ThrottledConnection } from "./publisher-throttle.ts";
export { Publishing } from "./publishing.ts";
export type { Queue, QueueSpec } from "./queue/queue.ts";
export { type GatedDecoder, type GateOwner, ReadGate } from "./read-gate.ts";
export { Records } from "./records.ts";
export { parseReplyPath } from "./reply-path.ts";
export { Route } from "./route.ts";
export type { Lsn } from "./storage-engine.ts";
export { StallWatch } from "./stall-watch.ts";
export { stopReasons } from "./stop-reasons.ts";
export type { DurabilityWaiter, PublisherHold, Store } from "./store.ts";
export { type DropReason, Totals } from "./totals.ts";
export { Turn, type TurnTask, type TurnWaiter } from "./turn.ts";
export { endlessBudget, TurnBudget } from "./turn-budget.ts";
export type { User } from "./auth/user.ts";
export type { VirtualHost } from "./virtual-host.ts";
