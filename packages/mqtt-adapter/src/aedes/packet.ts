import type { Qos } from "../mapping.ts";

/** What an emitter carries: an object with a topic. aedes puts its packets in, other programs whatever they like. */
export interface EmitterMessage {
  readonly topic: string;
  readonly [field: string]: unknown;
}

/**
 * A packet as aedes hands it around: PUBLISH with the facts that tell one copy of a message from another (`brokerId`,
 * `brokerCounter`), or the PUBREL that takes its place in an outgoing queue. Further fields are the giver's.
 */
export interface AedesPacket {
  cmd?: string;
  topic?: string;
  payload?: Buffer | string;
  qos?: Qos;
  retain?: boolean;
  dup?: boolean;
  brokerId?: string;
  brokerCounter?: number;
  messageId?: number | undefined;
  clientId?: string;
  [field: string]: unknown;
}

/** Fields of aedes' own that a queued packet keeps where its sender set them. */
const optionalFields = ["clientId", "nl", "properties", "messageExpiry"] as const;

/**
 * The copy of a packet that waits in a queue: the fields that aedes-packet keeps, the packet identifier forgotten.
 * Every session gives its own ([MQTT-2.3.1-2]).
 */
export function queuedPacket(original: AedesPacket, qos: Qos): AedesPacket {
  const optional = optionalFields.filter((field) => Object.hasOwn(original, field));
  return {
    cmd: original.cmd ?? "publish",
    brokerId: original.brokerId ?? "",
    brokerCounter: original.brokerCounter ?? 0,
    topic: original.topic ?? "",
    payload: original.payload ?? Buffer.alloc(0),
    qos,
    retain: original.retain ?? false,
    dup: original.dup ?? false,
    messageId: undefined,
    ...Object.fromEntries(optional.map((field) => [field, original[field]])),
  };
}
