import { MqttError } from "../mqtt-error.ts";
import type { MqttLimits } from "../options.ts";
import type { ConnectPacket } from "../rare-packets.ts";
import { reasonCodes } from "../reason-codes.ts";

/** A CONNECT without its keep alive, which is watched here: aedes knows nothing of clients whose packets wait. A copy. */
export function withoutKeepAlive(connect: Buffer): Buffer {
  const bytes = Buffer.from(connect);
  let nameAt = 1;
  while ((bytes[nameAt] as number) > 0x7f) nameAt++;
  nameAt++;
  // Level and flags are between them.
  const keepAliveAt = nameAt + 2 + bytes.readUInt16BE(nameAt) + 2;
  bytes.writeUInt16BE(0, keepAliveAt);
  return bytes;
}

/** What aedes would take and must not. Throws MqttError. */
export function checkConnectForAedes(packet: ConnectPacket, limits: MqttLimits): void {
  const { clientId, clean, protocolVersion } = packet;
  if (protocolVersion === 5) {
    const text = "this server speaks MQTT 3.1 and 3.1.1; MQTT 5 needs mqtt-engine = native";
    throw new MqttError(reasonCodes.unsupportedProtocolVersion, "MQTT-3.1.2-2", text);
  }
  // 3.1.1 [MQTT-3.1.3-8]: a session that is to be kept needs a name. 3.1 knows no empty ones.
  if (clientId === "" && (protocolVersion === 3 || !clean)) {
    throw new MqttError(reasonCodes.clientIdentifierNotValid, "MQTT 3.1.1 MQTT-3.1.3-8", "the client id is empty");
  }
  if (Buffer.byteLength(clientId) > limits.clientIdBytesMax) {
    const text = `the client id is longer than ${limits.clientIdBytesMax} bytes`;
    throw new MqttError(reasonCodes.clientIdentifierNotValid, "MQTT-3.1.3-5", text);
  }
}
