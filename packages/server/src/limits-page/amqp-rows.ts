import type { AmqpLimits } from "@jackalope/amqp-adapter";
import type { LimitRows } from "./limit-row.ts";
import { outboxRows } from "./outbox-rows.ts";

/** The limits of the AMQP adapter. */
export const amqpRows: LimitRows<AmqpLimits> = {
  frameBytesMax: {
    setting: "frameMax",
    counts: "a frame, overhead included; clients may negotiate less",
    atBound: "501, connection closed",
  },
  frameBytesMin: {
    counts: "what a client may negotiate down to",
    atBound: "530, connection closed",
  },
  handshakeFrameBytesMax: {
    counts: "a frame before the sizes are negotiated",
    atBound: "501, connection closed",
  },
  channelsMax: { setting: "channelMax", counts: "channels of a connection", atBound: "530, connection closed" },
  heartbeatSeconds: {
    setting: "heartbeat",
    counts: "the interval that is offered; the client may choose another",
    atBound: "silence of two intervals closes the connection",
  },
  handshakeTimeoutMs: {
    setting: "handshakeTimeout",
    counts: "from the accepted socket to connection.open-ok",
    atBound: "the connection is closed",
  },
  refusalDelayMs: {
    counts: "how long a refused login waits where the client cannot be told the reason",
    atBound: "the connection is closed",
  },
  closeTimeoutMs: { counts: "how long connection.close waits for its close-ok", atBound: "the connection is closed" },
  shutdownTimeoutMs: {
    counts: "how long clients have to say goodbye when the broker ends",
    atBound: "they are cut off",
  },
  ...outboxRows,
};
