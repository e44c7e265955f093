import {
  type RefusedClient,
  type RefuserOptions,
  RefusingListeners,
  type WebSocketRefuser,
  webSocketRefuser,
} from "@jackalope/transport";
import { PacketDecoder, type PacketHandler } from "./codec.ts";
import { MqttError } from "./mqtt-error.ts";
import { defaultMqttLimits } from "./options.ts";
import { encodePacket, type RarePacket } from "./rare-packets.ts";
import { connectReturnCode, reasonCodes } from "./reason-codes.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

/**
 * Makes a refuser: CONNECT is answered by a CONNACK with 0x88 Server unavailable and the reason as its reason string, or by
 * return code 3 to clients before version 5.
 */
export function createMqttRefuser(options: RefuserOptions): WebSocketRefuser {
  const listeners = new RefusingListeners({
    ...options,
    protocol: "MQTT",
    refusal: (client) => {
      const refusal = new MqttRefusal(client, options.reason);
      return (chunk) => refusal.onData(chunk);
    },
  });
  return webSocketRefuser(listeners, webSocketTerms);
}

/** The conversation with one client. */
class MqttRefusal implements PacketHandler {
  readonly #client: RefusedClient;
  readonly #reason: () => string;
  readonly #decoder: PacketDecoder;

  constructor(client: RefusedClient, reason: () => string) {
    this.#client = client;
    this.#reason = reason;
    this.#decoder = new PacketDecoder(defaultMqttLimits.connectPacketBytesMax, this);
  }

  onData(chunk: Buffer): void {
    this.#decoder.push(chunk);
    try {
      this.#decoder.run();
    } catch (error) {
      if (!(error instanceof MqttError)) throw error;
      if (this.#decoder.levelKnown) this.#refuse(error.reasonCode, error.message);
      this.#end();
    }
  }

  /** The first packet is a CONNECT. */
  onPacket(packet: RarePacket): void {
    const packetBytesMax = packet.cmd === "connect" ? packet.properties?.maximumPacketSize : undefined;
    this.#refuse(reasonCodes.serverUnavailable, this.#reason(), packetBytesMax);
    this.#end();
  }

  onPublish(): void {}

  onAcknowledgement(): void {}

  #end(): void {
    this.#decoder.stopped = true;
    this.#client.finish();
  }

  /** Nothing is said where the client's version has no code for it (MQTT 3.1.1, 3.2.2.3). */
  #refuse(reasonCode: number, reasonString: string, packetBytesMax: number = Number.POSITIVE_INFINITY): void {
    const { version } = this.#decoder;
    if (version !== 5) {
      const returnCode = connectReturnCode(reasonCode);
      if (returnCode !== null)
        this.#client.say(encodePacket({ cmd: "connack", returnCode, sessionPresent: false }, version));
      return;
    }
    const plain = { cmd: "connack", reasonCode, sessionPresent: false } as const;
    const explained = encodePacket({ ...plain, properties: { reasonString } }, version);
    // [MQTT-3.2.2-19]
    this.#client.say(explained.length <= packetBytesMax ? explained : encodePacket(plain, version));
  }
}
