import type { AmqpLimits } from "@jackalope/amqp-adapter";
import type { MqttLimits } from "@jackalope/mqtt-adapter";
import type { StompLimits } from "@jackalope/stomp-adapter";
import type { LimitRows } from "./limit-row.ts";

type OutboxLimits = Pick<
  AmqpLimits & MqttLimits & StompLimits,
  "outboxStopBytes" | "outboxCutBytes" | "stalledTimeoutMs"
>;

/** Those that the three adapters share: how much of what a client asked for it may leave unread. */
export const outboxRows: LimitRows<OutboxLimits> = {
  outboxStopBytes: {
    counts: "bytes that a client has not read",
    atBound: "the client is not read from until it has read",
  },
  outboxCutBytes: { counts: "the same", atBound: "the client is cut off" },
  stalledTimeoutMs: {
    counts: "how long the socket of a client that is behind may take nothing",
    atBound: "the client is cut off",
  },
};
