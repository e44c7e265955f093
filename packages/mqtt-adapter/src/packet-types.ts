/** Control packet types (MQTT 5, table 2-1): the upper half of the first byte. */
export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** PUBACK, PUBREC, PUBREL, PUBCOMP. */
export type AcknowledgementType = 4 | 5 | 6 | 7;
