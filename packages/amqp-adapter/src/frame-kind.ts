import type { FrameKind } from "@jackalope/core/adapter";
import type { ChannelSession } from "./channel-session.ts";
import { frameTypes } from "./codec.ts";
import { basicAck, basicCancel, basicGet, basicNack, basicPublish, basicReject } from "./methods/basic.ts";
import { connectionClose } from "./methods/connection.ts";
import { methodKey } from "./methods/definition.ts";
import { txCommit } from "./methods/tx.ts";

const publishKey = methodKey(basicPublish);
const getKey = methodKey(basicGet);
const cancelKey = methodKey(basicCancel);
const ackKey = methodKey(basicAck);
const nackKey = methodKey(basicNack);
const rejectKey = methodKey(basicReject);
const commitKey = methodKey(txCommit);
const closeKey = methodKey(connectionClose);

/**
 * What an alarm makes of a frame on a running connection. `channel` is the one it belongs to, null for none. Settlements of
 * a transaction are a part of it and wait with it; its commit waits where there are publishes in it.
 */
export function frameKind(
  type: number,
  channel: ChannelSession | null,
  bytes: Buffer,
  start: number,
  end: number,
): FrameKind {
  if (type === frameTypes.heartbeat) return "passes";
  if (type !== frameTypes.method || end - start < 4) return "waits";
  const key = bytes.readUInt32BE(start);
  if (channel === null) return key === closeKey ? "last" : "waits";
  // What still comes on it is thrown away.
  if (channel.closing) return "passes";
  const { transaction } = channel.core;
  switch (key) {
    case publishKey:
      return "publish";
    case getKey:
    case cancelKey:
      return "passes";
    case ackKey:
    case nackKey:
    case rejectKey:
      return transaction === null ? "passes" : "waits";
    case commitKey:
      return transaction !== null && transaction.publishCount > 0 ? "publish" : "waits";
    default:
      return "waits";
  }
}
