import { type Packet, parser } from "mqtt-packet";
import { PacketDecoder } from "../src/codec.ts";
import { PropertyFacts } from "../src/property-scan.ts";
import type { PublishPacket } from "../src/publish-packet.ts";
import type { Version } from "../src/version.ts";

/** A packet as plain fields that both parsers can be brought to. */
export type Fields = Readonly<Record<string, unknown>>;

const acknowledgementNames = { 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp" } as const;

function utf8(bytes: Buffer, start: number, end: number): string | undefined {
  return start < 0 ? undefined : bytes.toString("utf8", start, end);
}

function publishFields(packet: PublishPacket, version: Version): Fields {
  const { bytes } = packet;
  const facts = new PropertyFacts();
  if (version === 5) facts.scan(bytes, packet.propertiesStart, packet.propertiesEnd);
  return {
    cmd: "publish",
    dup: packet.dup,
    qos: packet.qos,
    retain: packet.retain,
    topic: bytes.toString("utf8", packet.topicStart, packet.topicEnd),
    messageId: packet.packetId,
    payload: bytes.toString("hex", packet.bodyStart, packet.bodyEnd),
    topicAlias: facts.topicAlias,
    expirySeconds: facts.expirySeconds,
    payloadFormat: facts.payloadFormat,
    contentType: utf8(bytes, facts.contentTypeStart, facts.contentTypeEnd),
    responseTopic: utf8(bytes, facts.responseTopicStart, facts.responseTopicEnd),
    correlationData:
      facts.correlationDataStart < 0
        ? undefined
        : bytes.toString("hex", facts.correlationDataStart, facts.correlationDataEnd),
    hasUserProperties: facts.hasUserProperties,
  };
}

/** Fields of what mqtt-packet read. */
export function parsedFields(packet: Packet): Fields {
  if (packet.cmd === "publish") {
    const { properties } = packet;
    return {
      cmd: "publish",
      dup: packet.dup,
      qos: packet.qos,
      retain: packet.retain,
      topic: packet.topic,
      messageId: packet.messageId ?? 0,
      payload: (packet.payload as Buffer).toString("hex"),
      topicAlias: properties?.topicAlias ?? 0,
      expirySeconds: properties?.messageExpiryInterval ?? -1,
      payloadFormat: properties?.payloadFormatIndicator === true ? 1 : 0,
      contentType: properties?.contentType,
      responseTopic: properties?.responseTopic,
      correlationData: properties?.correlationData?.toString("hex"),
      hasUserProperties: properties?.userProperties !== undefined,
    };
  }
  if (packet.cmd === "puback" || packet.cmd === "pubrec" || packet.cmd === "pubrel" || packet.cmd === "pubcomp") {
    return { cmd: packet.cmd, messageId: packet.messageId, reasonCode: packet.reasonCode ?? 0 };
  }
  if (packet.cmd === "pingreq") return { cmd: "pingreq" };
  const fields: Record<string, unknown> = { ...packet };
  delete fields.willNative;
  return fields;
}

/** A decoder that keeps the fields of what it hands over. */
export class PacketRecorder {
  readonly packets: Fields[] = [];
  readonly decoder: PacketDecoder;

  /** With `pausing` it stops after each packet, as a session does that awaits something. */
  constructor(packetBytesMax = 1024 * 1024, pausing = false) {
    this.decoder = new PacketDecoder(packetBytesMax, {
      onPublish: (packet) => this.#add(publishFields(packet, this.decoder.version), pausing),
      onAcknowledgement: (type, messageId, reasonCode) =>
        this.#add({ cmd: acknowledgementNames[type], messageId, reasonCode }, pausing),
      onPacket: (packet) => this.#add(parsedFields(packet), pausing),
    });
  }

  #add(fields: Fields, pausing: boolean): void {
    this.packets.push(fields);
    this.decoder.stopped = pausing;
  }

  /** Decodes the chunks to the end. Throws what the decoder throws. */
  decode(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.decoder.push(Buffer.from(chunk));
      this.decoder.run();
      while (this.decoder.stopped) {
        this.decoder.stopped = false;
        this.decoder.run();
      }
    }
    return this;
  }
}

/** What mqtt-packet reads from one whole packet, null where it refuses it or waits for more. */
export function parseWhole(bytes: Uint8Array, version: Version): Fields | null {
  const stream = parser({ protocolVersion: version });
  let packet: Packet | null = null;
  let failed = false;
  stream.on("packet", (parsed) => {
    packet = parsed;
  });
  stream.on("error", () => {
    failed = true;
  });
  const rest = stream.parse(Buffer.from(bytes));
  return failed || packet === null || rest !== 0 ? null : parsedFields(packet);
}
