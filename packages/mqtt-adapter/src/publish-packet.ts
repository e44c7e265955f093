import { malformed, protocolError } from "./mqtt-error.ts";
import { variableByteInteger } from "./variable-byte-integer.ts";
import type { Version } from "./version.ts";

const noBytes = Buffer.alloc(0);

/**
 * The PUBLISH at hand, as places in the bytes that brought it. One a decoder, reused: what outlives the call is copied.
 *
 *     | flags 1 | remaining length 1-4 | topic length 2 | topic | packet id 2 | properties length 1-4 | properties | body
 *     ^packetStart                                      ^topicStart                                   ^propertiesStart
 *                                                              ^topicEnd                              propertiesEnd^
 *                                                                                                         bodyStart^   bodyEnd^
 *
 * The packet id is there for QoS 1 and 2, the properties and their length in version 5.
 */
export class PublishPacket {
  bytes: Buffer = noBytes;
  packetStart = 0;
  dup = false;
  qos: 0 | 1 | 2 = 0;
  retain = false;
  topicStart = 0;
  topicEnd = 0;
  /** 0 for QoS 0. */
  packetId = 0;
  propertiesStart = 0;
  propertiesEnd = 0;
  bodyStart = 0;
  bodyEnd = 0;

  /**
   * Reads the packet whose variable header begins at `start`; what is in topic and properties is not looked at. Throws
   * MqttError.
   */
  read(bytes: Buffer, packetStart: number, start: number, end: number, version: Version): void {
    const first = bytes[packetStart] as number;
    const qos = (first >> 1) & 3;
    // [MQTT-3.3.1-4]
    if (qos === 3) throw malformed("MQTT-3.3.1-4", "PUBLISH has both QoS bits set");
    const dup = (first & 8) !== 0;
    // [MQTT-3.3.1-2]; MQTT 3.1 gives the bit no meaning here.
    if (dup && qos === 0 && version !== 3) throw malformed("MQTT-3.3.1-2", "PUBLISH of QoS 0 has the DUP flag");
    this.bytes = bytes;
    this.packetStart = packetStart;
    this.dup = dup;
    this.qos = qos as 0 | 1 | 2;
    this.retain = (first & 1) !== 0;
    const topicStart = start + 2;
    if (topicStart > end) throw malformed("MQTT-3.3.2-1", "PUBLISH ends before its topic");
    let at = topicStart + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
    this.topicStart = topicStart;
    this.topicEnd = at;
    if (qos === 0) {
      this.packetId = 0;
      if (at > end) throw malformed("MQTT-3.3.2-1", "PUBLISH ends within its topic");
    } else {
      if (at + 2 > end) throw malformed("3.3.2", "PUBLISH ends before its packet identifier");
      this.packetId = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      // [MQTT-2.2.1-3]
      if (this.packetId === 0) throw protocolError("MQTT-2.2.1-3", "PUBLISH has the packet identifier 0");
      at += 2;
    }
    this.bodyEnd = end;
    if (version === 5) this.#readPropertiesLength(bytes, at, end);
    else this.propertiesStart = this.propertiesEnd = this.bodyStart = at;
  }

  #readPropertiesLength(bytes: Buffer, at: number, end: number): void {
    let start = at + 1;
    // Mostly none or few: one byte.
    let length = at < end ? (bytes[at] as number) : 0x80;
    if (length > 0x7f) {
      variableByteInteger.read(bytes, at, end);
      length = variableByteInteger.value;
      start = variableByteInteger.end;
    }
    if (start + length > end) throw malformed("2.2.2.1", "the properties of PUBLISH pass its end");
    this.propertiesStart = start;
    this.propertiesEnd = this.bodyStart = start + length;
  }

  /** Lets go of the bytes: an idle connection must not pin the chunk that it brought last. */
  release(): void {
    this.bytes = noBytes;
  }
}
