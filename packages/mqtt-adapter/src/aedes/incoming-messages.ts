import { randomUUID } from "node:crypto";
import type { Message, VirtualHost } from "@jackalope/core/adapter";
import { MqttFormat, type Qos } from "../mapping.ts";
import { topicOf } from "../message-topic.ts";
import { openAedesStore } from "./aedes-store.ts";
import type { AedesPacket } from "./packet.ts";

/**
 * Messages of other clients of the broker as aedes' packets. aedes stores a packet for its offline sessions when it is
 * published through aedes; these are not, so they are stored here, before any listener has them: aedes looks for a packet
 * of QoS 1 or 2 in the session's outgoing queue before it sends it.
 */
export class IncomingMessages {
  readonly #host: VirtualHost;
  /** aedes drops what is not newer than the last packet of the same broker. */
  readonly #brokerId = `jackalope-${randomUUID()}`;
  #lastCounter = 0;

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  packetOf(message: Message): AedesPacket {
    const sessions = openAedesStore(this.#host);
    const topic = topicOf(message);
    const packet: AedesPacket = {
      cmd: "publish",
      brokerId: this.#brokerId,
      brokerCounter: ++this.#lastCounter,
      topic,
      payload: Buffer.from(message.body),
      // Without our session store nobody would find the packet in an outgoing queue.
      qos: sessions === undefined ? 0 : qosOf(message),
      retain: message.format instanceof MqttFormat && message.format.retain !== "none",
      dup: false,
    };
    if (packet.qos !== 0) sessions?.enqueueFor(topic, packet);
    return packet;
  }
}

/** As it was published by MQTT; persistent messages of other protocols are QoS 1, transient ones QoS 0. */
function qosOf(message: Message): Qos {
  if (message.format instanceof MqttFormat) return message.format.qos;
  return message.persistent ? 1 : 0;
}
