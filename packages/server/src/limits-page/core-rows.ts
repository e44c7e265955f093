import type { Limits } from "@jackalope/core";
import type { LimitRows } from "./limit-row.ts";

/** The core's limits, whatever the protocol. */
export const coreRows: LimitRows<Limits> = {
  messageBytesMax: {
    setting: "maxMessageSize",
    counts: "body of a message",
    atBound: "AMQP: 406, channel closed; STOMP: ERROR; MQTT: DISCONNECT 0x95",
  },
  queueWindowBytesMax: {
    setting: "queueWindowBytesMax",
    counts: "message bytes that a queue keeps in memory",
    atBound: "messages behind it are paged to the store, and what it does not keep to the spill folder",
  },
  windowBytesMax: {
    setting: "windowBytesMax",
    counts: "the same, of all queues together",
    atBound: "as above",
  },
  queueWindowBytesMin: {
    setting: "queueWindowBytesMin",
    counts: "what each queue may keep in memory all the same",
    atBound: "as above",
  },
  queueWindowMessagesMax: {
    setting: "queueWindowMessagesMax",
    counts: "messages that a queue keeps in memory, whatever their size",
    atBound: "as above",
  },
  pageMessagesMax: {
    setting: "pageMessagesMax",
    counts: "messages read back at a time",
    atBound: "the others are read when these are gone",
  },
  undurableBytesMax: {
    setting: "undurableBytesMax",
    counts: "bytes handed to the store and not durable yet",
    atBound: "publishing connections are not read from until the store has caught up",
  },
  spillPendingBytesMax: {
    setting: "spillPendingBytesMax",
    counts: "bytes on their way to the spill folder",
    atBound: "connections whose publishes go there are not read from until the disk has caught up",
  },
  outboxBytesMax: {
    setting: "outboxBytesMax",
    counts: "bytes that wait for one socket",
    atBound: "consumers of that connection get nothing more until its socket drains",
  },
  outboxTotalBytesMax: {
    setting: "outboxTotalBytesMax",
    counts: "buffers that wait for the sockets of all connections",
    atBound: "each gets no more than `outbox-bytes-min`, and who asks for more than four times of it is not read from",
  },
  outboxBytesMin: {
    setting: "outboxBytesMin",
    counts: "what may wait for each socket all the same",
    atBound: "as `outbox-bytes-max`",
  },
  routeCacheMax: {
    setting: "routeCacheMax",
    counts: "remembered routes of a connection",
    atBound: "they are forgotten at once",
  },
  routeCacheBytesMax: {
    setting: "routeCacheBytesMax",
    counts: "memory of those, about",
    atBound: "as above",
  },
  channelUnackedMax: {
    setting: "channelUnackedMax",
    counts: "deliveries of a channel that are not acknowledged",
    atBound: "the channel gets no more deliveries until it acknowledges",
  },
  channelUnackedBytesMax: {
    setting: "channelUnackedBytesMax",
    counts: "memory of the unacknowledged deliveries of a channel whose consumers set no prefetch",
    atBound: "the channel gets no more deliveries until it acknowledges",
  },
  channelConsumersMax: {
    setting: "channelConsumersMax",
    counts: "consumers of a channel",
    atBound: "530",
  },
  queuesPerVirtualHostMax: {
    setting: "queuesPerVirtualHostMax",
    counts: "queues of a virtual host, sessions of MQTT included",
    atBound: "406; ERROR; SUBACK 0x97",
  },
  exchangesPerVirtualHostMax: {
    setting: "exchangesPerVirtualHostMax",
    counts: "exchanges of a virtual host",
    atBound: "406; ERROR",
  },
  bindingsPerVirtualHostMax: {
    setting: "bindingsPerVirtualHostMax",
    counts: "bindings of a virtual host",
    atBound: "406; ERROR; SUBACK 0x97",
  },
  filterSkippedMax: {
    setting: "filterSkippedMax",
    counts: "ready messages that a consumer with a selector looks past",
    atBound: "it waits until others have taken some of them",
  },
  turnBudgetMs: {
    setting: "turnBudgetMs",
    counts: "milliseconds of a turn of the event loop",
    atBound: "a client with more to do goes on in a later turn, when others have had theirs",
  },
  shutdownTimeoutMs: {
    setting: "shutdownTimeoutMs",
    counts: "milliseconds that acts of many turns (the end of a thousand queues) may go on when the broker ends",
    atBound: "they are left undone, as in a crash",
  },
  heldBytesMax: {
    setting: "heldBytesMax",
    counts: "bytes of publishes, and of what follows them, that a connection holds during an alarm",
    atBound: "the connection is not read from until the alarm is over",
  },
  heldTotalBytesMax: {
    setting: "heldTotalBytesMax",
    counts: "the same, of all connections together",
    atBound: "as above",
  },
  heldBytesMin: {
    setting: "heldBytesMin",
    counts: "what each connection may hold all the same",
    atBound: "as above",
  },
  transactionOperationsMax: {
    setting: "transactionOperationsMax",
    counts: "publishes and acknowledgements of a transaction",
    atBound: "506, connection closed; ERROR",
  },
  transactionBytesMax: {
    setting: "transactionBytesMax",
    counts: "message bytes of a transaction",
    atBound: "506, connection closed; ERROR",
  },
  topologyBytesMax: {
    setting: "topologyBytesMax",
    shown: "two fifths of the memory",
    counts: "memory of everything that is no message, about; definitions leave an eighth of it",
    atBound: "406; ERROR; 0x97, in MQTT 3 a failure",
  },
  virtualHostTopologyBytesMax: {
    setting: "virtualHostTopologyBytesMax",
    shown: "as much as there is",
    counts: "the same, of a virtual host",
    atBound: "as above",
  },
  userTopologyBytesMax: {
    setting: "userTopologyBytesMax",
    shown: "three quarters of that",
    counts: "the same, of a user",
    atBound: "as above",
  },
  connectionTopologyBytesMax: {
    setting: "connectionTopologyBytesMax",
    shown: "half of that",
    counts: "the same, of what a connection has open",
    atBound: "as above",
  },
  connectionsMax: {
    setting: "connectionsMax",
    counts: "connections over all listeners, logged in or not",
    atBound: "a newer one is closed; with `connectionsMax` of an embedded core 530, ERROR, CONNACK 0x97",
  },
  userNameBytesMax: {
    setting: "userNameBytesMax",
    counts: "name of a user",
    atBound: "the user is not made",
  },
  passwordBytesMax: {
    setting: "passwordBytesMax",
    counts: "a password",
    atBound: "the user is not made; the login is refused",
  },
  loginDelayMsMax: {
    setting: "loginDelayMsMax",
    counts: "milliseconds that a login waits where more than ten from its address failed within a minute",
    atBound: "it waits no longer",
  },
  loginAddressesMax: {
    setting: "loginAddressesMax",
    counts: "addresses whose failed logins are remembered",
    atBound: "the one that failed longest ago is forgotten",
  },
};
