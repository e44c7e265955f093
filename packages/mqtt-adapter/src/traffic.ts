/**
 * Bytes of all MQTT connections since the start, as their packets stand in them, without TLS and WebSocket around them.
 * Plain fields: connections add to them with each chunk and each write.
 */
export class Traffic {
  receivedBytes = 0;
  /** What sockets have taken. */
  sentBytes = 0;
}
