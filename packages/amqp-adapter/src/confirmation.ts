import type { Outbox } from "@jackalope/core/adapter";
import { frameEndByte, frameTypes } from "./codec.ts";
import { basicAck, basicNack } from "./methods/basic.ts";

const confirmationFrameBytes = 21;
/** Class, method, delivery tag, bits. */
const payloadBytes = 13;

/** Writes basic.ack or basic.nack for publishes. `sequence` is the confirm's publish number. */
export function writeConfirmation(
  outbox: Outbox,
  channelNumber: number,
  accepted: boolean,
  sequence: number,
  multiple: boolean,
): void {
  outbox.reserve(confirmationFrameBytes);
  const { buffer, position: at } = outbox;
  const method = accepted ? basicAck : basicNack;
  buffer[at] = frameTypes.method;
  buffer.writeUInt16BE(channelNumber, at + 1);
  buffer.writeUInt32BE(payloadBytes, at + 3);
  buffer.writeUInt16BE(method.classId, at + 7);
  buffer.writeUInt16BE(method.methodId, at + 9);
  buffer.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), at + 11);
  buffer.writeUInt32BE(sequence >>> 0, at + 15);
  // Bit 0 is multiple; basic.nack's bit 1, requeue, means nothing to a publisher.
  buffer[at + 19] = multiple ? 1 : 0;
  buffer[at + 20] = frameEndByte;
  outbox.position = at + confirmationFrameBytes;
}
