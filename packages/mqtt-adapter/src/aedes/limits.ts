import { defaultMqttLimits, type MqttLimits } from "../options.ts";

/** Bounds of what is kept for the clients of an aedes server. They mean what they mean for MQTT's own sessions. */
export type AedesLimits = Pick<
  MqttLimits,
  | "sessionsMax"
  | "subscriptionsPerSessionMax"
  | "sessionMessagesMax"
  | "sessionBytesMax"
  | "slowQos0MessagesMax"
  | "receiveMaximum"
  | "retainedMessagesMax"
  | "retainedBytesMax"
>;

/** The limits with their defaults. */
export function aedesLimits(limits: Partial<AedesLimits> = {}): AedesLimits {
  return { ...defaultMqttLimits, ...limits };
}
