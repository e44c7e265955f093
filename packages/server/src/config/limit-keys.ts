import { defaultLimits } from "@jackalope/core";
import type { ConfigurableLimits } from "./config.ts";
import type { ConfigKey } from "./config-keys.ts";
import { bytes, count } from "./value-kinds.ts";

/** The bounds of the core as settings. Their defaults are the core's own. */
export const limitKeys: { readonly [Name in keyof ConfigurableLimits]: ConfigKey<number> } = {
  connectionsMax: counted(
    "connectionsMax",
    "Connections over all listeners, logged in or not. A newer one is closed. The descriptors of the process, less a " +
      "reserve for the store, may be fewer and count then.",
  ),
  userNameBytesMax: counted("userNameBytesMax", "Bytes of a user's name."),
  passwordBytesMax: counted("passwordBytesMax", "Bytes of a password. A longer one is refused at login."),
  loginDelayMsMax: counted(
    "loginDelayMsMax",
    "Milliseconds that a login waits at most. It waits where many from the same address failed before it.",
  ),
  loginAddressesMax: counted("loginAddressesMax", "Addresses whose failed logins are remembered."),
  queuesPerVirtualHostMax: counted("queuesPerVirtualHostMax", "Queues of one virtual host."),
  exchangesPerVirtualHostMax: counted("exchangesPerVirtualHostMax", "Exchanges of one virtual host."),
  bindingsPerVirtualHostMax: counted("bindingsPerVirtualHostMax", "Bindings of one virtual host."),
  channelUnackedMax: counted(
    "channelUnackedMax",
    "Unacknowledged deliveries of one channel whose consumers set no prefetch.",
  ),
  channelUnackedBytesMax: sized(
    "channelUnackedBytesMax",
    "Memory that the unacknowledged deliveries of one channel keep whose consumers set no prefetch.",
  ),
  channelConsumersMax: counted("channelConsumersMax", "Consumers of one channel."),
  queueWindowBytesMax: sized(
    "queueWindowBytesMax",
    "Message bytes that one queue keeps in memory. The rest is read back from the store, or the spill folder, when its " +
      "turn comes.",
  ),
  windowBytesMax: sized("windowBytesMax", "Message bytes that all queues together keep in memory."),
  queueWindowBytesMin: sized(
    "queueWindowBytesMin",
    "Message bytes that a queue may keep in memory even where all together have reached their bound.",
  ),
  queueWindowMessagesMax: counted(
    "queueWindowMessagesMax",
    "Messages that one queue keeps in memory, whatever their size.",
  ),
  pageMessagesMax: counted("pageMessagesMax", "Messages read back from the store or the spill folder at a time."),
  undurableBytesMax: sized(
    "undurableBytesMax",
    "Bytes handed to the store and not yet durable at which publishers are held back.",
  ),
  spillPendingBytesMax: sized(
    "spillPendingBytesMax",
    "Bytes on their way to the spill folder at which publishers whose messages go there are held back.",
  ),
  outboxBytesMax: sized("outboxBytesMax", "Bytes waiting for one socket at which its consumers get nothing more."),
  outboxTotalBytesMax: sized(
    "outboxTotalBytesMax",
    "Memory of all connections for what waits for their sockets, beyond which each gets no more than outbox-bytes-min.",
  ),
  outboxBytesMin: sized(
    "outboxBytesMin",
    "Bytes that may wait for each socket even where all together have reached their bound.",
  ),
  routeCacheMax: counted("routeCacheMax", "Routes (exchange and routing key) that one connection remembers."),
  routeCacheBytesMax: sized("routeCacheBytesMax", "Memory of the routes that one connection remembers, about."),
  filterSkippedMax: counted(
    "filterSkippedMax",
    "Ready messages of a shared queue that a STOMP subscription with a selector looks past.",
  ),
  turnBudgetMs: counted(
    "turnBudgetMs",
    "Milliseconds that a turn of the event loop takes for clients' work, before those that want more wait for the next.",
  ),
  shutdownTimeoutMs: counted(
    "shutdownTimeoutMs",
    "Milliseconds that acts of many turns, such as the end of a thousand queues, may go on when the broker ends. What is not " +
      "over then is left undone, as in a crash.",
  ),
  heldBytesMax: sized(
    "heldBytesMax",
    "Bytes of one connection, publishes and what follows them, that are held during an alarm. Acknowledgements behind " +
      "them are handled; beyond it the connection is not read from.",
  ),
  heldTotalBytesMax: sized("heldTotalBytesMax", "Bytes that all connections together hold during an alarm."),
  heldBytesMin: sized(
    "heldBytesMin",
    "Bytes that each connection may hold even where all together have reached their bound.",
  ),
  transactionOperationsMax: counted("transactionOperationsMax", "Publishes and acknowledgements of one transaction."),
  topologyBytesMax: shared(
    "topologyBytesMax",
    "Memory for everything that is no message, about: definitions, and what connections have open. 0 is two fifths of " +
      "the JavaScript heap's limit without the 48 MiB that it has for what is new, or of the memory of the machine or " +
      "the control group where that is less.",
  ),
  virtualHostTopologyBytesMax: shared(
    "virtualHostTopologyBytesMax",
    "The same of one virtual host. 0 is as much as there is.",
  ),
  userTopologyBytesMax: shared(
    "userTopologyBytesMax",
    "The same of one user, over all virtual hosts. 0 is three quarters of what there is.",
  ),
  connectionTopologyBytesMax: shared(
    "connectionTopologyBytesMax",
    "Memory for what one connection has open, about: channels, consumers, exclusive queues, transactions, messages " +
      "that have not come whole. 0 is half of `topology-bytes-max`.",
  ),
  transactionBytesMax: sized("transactionBytesMax", "Message bytes of one transaction."),
};

function counted(name: keyof ConfigurableLimits, description: string): ConfigKey<number> {
  return { section: "Limits", kind: count(1, 1_000_000_000), default: defaultLimits[name], description };
}

/** 0 stands for a share. */
function shared(name: keyof ConfigurableLimits, description: string): ConfigKey<number> {
  return { section: "Limits", kind: bytes(0), default: defaultLimits[name], description };
}

function sized(name: keyof ConfigurableLimits, description: string): ConfigKey<number> {
  return { section: "Limits", kind: bytes(1024), default: defaultLimits[name], description };
}
