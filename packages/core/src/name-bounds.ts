/**
 * Bytes of UTF-8 in a name or key that AMQP carries as a short string (AMQP 0-9-1, 4.2.5.3). What comes in longer
 * clothes (arguments, the headers CC and BCC, STOMP's destinations) is refused where it enters: no encoder behind it
 * could write it.
 */
export const nameBytesMax = 255;

/** Bytes of UTF-8 in a topic, a topic filter or a routing key of any protocol: what MQTT's lengths hold (MQTT 5, 1.5.4). */
export const topicBytesMax = 65_535;

/** True where `text` has more than `bytesMax` bytes in UTF-8. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true;
  // No UTF-16 unit has more than three bytes.
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}
