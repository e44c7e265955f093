/** Every bound of the core, with its unit in its name. docs/limits.md explains them; config sets them. */
export interface Limits {
  /** Largest message body accepted. */
  readonly messageBytesMax: number;
  /** Bodies a queue keeps in memory before it pages the rest to the engine. */
  readonly queueWindowBytesMax: number;
  /** Bodies that the windows of all queues keep in memory together. */
  readonly windowBytesMax: number;
  /** What a queue may keep in memory even where `windowBytesMax` is reached. */
  readonly queueWindowBytesMin: number;
  /** Messages of the window, whatever their size. */
  readonly queueWindowMessagesMax: number;
  /** Messages read back from the engine at a time. */
  readonly pageMessagesMax: number;
  /** Bytes handed to the engine and not yet durable before publishers are held back. */
  readonly undurableBytesMax: number;
  /** Bytes on their way to the spill area before the publishers that bring more are held back. */
  readonly spillPendingBytesMax: number;
  /** Bytes waiting for one socket before its consumers get nothing more. */
  readonly outboxBytesMax: number;
  /** Buffers of all connections that wait for their sockets. */
  readonly outboxTotalBytesMax: number;
  /** What may wait for each socket even where `outboxTotalBytesMax` is reached. */
  readonly outboxBytesMin: number;
  /** Routes that one connection remembers; all are forgotten when there are more. */
  readonly routeCacheMax: number;
  /** Memory of the routes that one connection remembers, about; all are forgotten when there is more. */
  readonly routeCacheBytesMax: number;
  /** Unacknowledged deliveries of one channel where the consumer asked for no prefetch limit. */
  readonly channelUnackedMax: number;
  /** Memory that those keep, bodies and entries. One that is larger goes out alone. */
  readonly channelUnackedBytesMax: number;
  readonly channelConsumersMax: number;
  readonly queuesPerVirtualHostMax: number;
  readonly exchangesPerVirtualHostMax: number;
  readonly bindingsPerVirtualHostMax: number;
  /** Ready messages that a consumer with a filter looks past: beyond them it waits until others have taken some. */
  readonly filterSkippedMax: number;
  /** Publishes and acknowledgements buffered by one transaction. */
  readonly transactionOperationsMax: number;
  readonly transactionBytesMax: number;
  /** Time that a turn of the event loop takes for clients' work, before those that want more wait for the next. */
  readonly turnBudgetMs: number;
  /** How long acts under way may go on when the broker ends. */
  readonly shutdownTimeoutMs: number;
  /**
   * Memory for everything that is no message, about: definitions, and what connections have open. 0: two fifths of the
   * JavaScript heap's limit, or of the memory there is. Definitions leave an eighth of it to the connections.
   */
  readonly topologyBytesMax: number;
  /** The same of one virtual host. 0: as much as there is. */
  readonly virtualHostTopologyBytesMax: number;
  /** The same of one user, over all virtual hosts. 0: three quarters of what there is. */
  readonly userTopologyBytesMax: number;
  /** What one connection has open: channels, consumers, exclusive queues, transactions. 0: half of what there is. */
  readonly connectionTopologyBytesMax: number;
  /** Bytes of frames that one connection holds while an alarm is on, before it is not read from. */
  readonly heldBytesMax: number;
  /** Bytes that all connections hold together. */
  readonly heldTotalBytesMax: number;
  /** What each connection may hold even where `heldTotalBytesMax` is reached. */
  readonly heldBytesMin: number;
  /** Connections over all listeners. */
  readonly connectionsMax: number;
  /** Names of users in UTF-8. */
  readonly userNameBytesMax: number;
  /** Passwords in UTF-8. */
  readonly passwordBytesMax: number;
  /** How long a login waits at most where many of the same address failed before it. */
  readonly loginDelayMsMax: number;
  /** Addresses whose failed logins are remembered. */
  readonly loginAddressesMax: number;
}

export const defaultLimits: Limits = {
  messageBytesMax: 16 * 1024 * 1024,
  queueWindowBytesMax: 8 * 1024 * 1024,
  windowBytesMax: 128 * 1024 * 1024,
  queueWindowBytesMin: 64 * 1024,
  queueWindowMessagesMax: 16_384,
  pageMessagesMax: 1024,
  undurableBytesMax: 16 * 1024 * 1024,
  spillPendingBytesMax: 16 * 1024 * 1024,
  outboxBytesMax: 1024 * 1024,
  outboxTotalBytesMax: 64 * 1024 * 1024,
  outboxBytesMin: 64 * 1024,
  routeCacheMax: 16_384,
  routeCacheBytesMax: 16 * 1024 * 1024,
  channelUnackedMax: 2_000_000,
  channelUnackedBytesMax: 96 * 1024 * 1024,
  channelConsumersMax: 65_535,
  queuesPerVirtualHostMax: 1_000_000,
  exchangesPerVirtualHostMax: 100_000,
  bindingsPerVirtualHostMax: 5_000_000,
  filterSkippedMax: 1000,
  transactionOperationsMax: 100_000,
  transactionBytesMax: 128 * 1024 * 1024,
  turnBudgetMs: 2,
  shutdownTimeoutMs: 3000,
  topologyBytesMax: 0,
  virtualHostTopologyBytesMax: 0,
  userTopologyBytesMax: 0,
  connectionTopologyBytesMax: 0,
  heldBytesMax: 1024 * 1024,
  heldTotalBytesMax: 64 * 1024 * 1024,
  heldBytesMin: 64 * 1024,
  connectionsMax: 100_000,
  userNameBytesMax: 255,
  passwordBytesMax: 1024,
  loginDelayMsMax: 2000,
  loginAddressesMax: 10_000,
};
