import type { FieldTable, FieldValue } from "@jackalope/core/adapter";
import type { MqttLimits } from "./options.ts";

/** The limits of what waits in a queue. */
export type SessionQueueLimits = Pick<MqttLimits, "sessionMessagesMax" | "sessionBytesMax" | "slowQos0MessagesMax">;

/** The arguments that bound a session's queue. */
export function sessionQueueBounds(limits: SessionQueueLimits): FieldTable {
  return [
    ["x-max-length", integer(limits.sessionMessagesMax)],
    ["x-max-length-bytes", integer(limits.sessionBytesMax)],
    ["x-max-transient-length", integer(limits.slowQos0MessagesMax)],
  ];
}

function integer(value: number): FieldValue {
  return { kind: "int64", value: BigInt(value) };
}
