import type { AedesPacket } from "./packet.ts";

/**
 * A packet as it is stored:
 *
 *     | length of the head, 4 bytes | head, JSON | payload |
 *
 * The head holds every field but the payload, and `text` where the payload is a string.
 */
export function encodePacket(packet: AedesPacket): Buffer {
  const { payload, ...fields } = packet;
  const isText = typeof payload === "string";
  const head = Buffer.from(JSON.stringify(isText ? { fields, text: true } : { fields }));
  const body = isText ? Buffer.from(payload) : (payload ?? null);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat(body === null ? [length, head] : [length, head, body]);
}

/** The packet of `encodePacket`; the payload does not share memory with `bytes`. A PUBREL has none. */
export function decodePacket(bytes: Uint8Array): AedesPacket {
  const buffer = Buffer.from(bytes);
  const bodyStart = 4 + buffer.readUInt32BE(0);
  const head = JSON.parse(buffer.toString("utf8", 4, bodyStart)) as { readonly fields: AedesPacket; text?: boolean };
  const packet = head.fields;
  if (packet.cmd === "pubrel") return packet;
  packet.payload = head.text === true ? buffer.toString("utf8", bodyStart) : buffer.subarray(bodyStart);
  return packet;
}
