import {
  type ListenAddress,
  type ListenOptions,
  type RefusedClient,
  type RefuserOptions,
  RefusingListeners,
} from "@jackalope/transport";
import { PacketDecoder, type PacketHandler } from "./codec.ts";
import { MqttError } from "./mqtt-error.ts";
import { defaultMqttLimits, type MqttWebSocketOptions } from "./options.ts";
import { encodePacket, type RarePacket } from "./rare-packets.ts";
import { connectReturnCode, reasonCodes } from "./reason-codes.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

/** Listens for MQTT and serves nobody. */
export interface MqttRefuser {
  /** Clients that came so far. */
  readonly refusedCount: number;
  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]>;
  /** Opens a listener for WebSocket, on the paths of the adapter. */
  listenWebSocket(options: MqttWebSocketOptions): Promise<readonly ListenAddress[]>;
  /** The ports are free when the call returns. */
  close(): Promise<void>;
}

/**
 * Makes a refuser: CONNECT is answered by a CONNACK with 0x88 Server unavailable and the reason as its reason string, or by
 * return code 3 to clients before version 5.
 */
export function createMqttRefuser(options: RefuserOptions): MqttRefuser {
  const listeners = new RefusingListeners({
    ...options,
    protocol: "MQTT",
    refusal: (client) => {
      const refusal = new MqttRefusal(client, options.reason);
      return (chunk) => refusal.onData(chunk);
    },
  });
  return {
    get refusedCount() {
      return listeners.refusedCount;
    },
    listen: (address) => listeners.listen(address),
    listenWebSocket: (address) => listeners.listenWebSocket({ ...address, ...webSocketTerms(defaultMqttLimits) }),
    close: () => listeners.close(),
  };
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
