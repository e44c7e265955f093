import type { IPublishPacket } from "mqtt";
import type { Ledger } from "../ledger/ledger.ts";
import type { QueueFacts, Taking } from "../ledger/queue-facts.ts";
import { topics } from "../plan.ts";
import type { Rotation, SoakClient } from "./client.ts";
import { MqttLife } from "./mqtt-life.ts";
import { Settlements } from "./settlements.ts";

const flushMs = 30;
const inFlightMax = 50;

/** Takes what its session keeps, with QoS 1 or 2. MQTT.js acknowledges by itself. */
export class MqttConsumer implements SoakClient {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #ledger: Ledger;
  readonly #queue: QueueFacts;
  readonly #filter: string;
  readonly #qos: 1 | 2;
  readonly #life: MqttLife;
  readonly #timer: NodeJS.Timeout;
  #taking: Taking;
  #settlements: Settlements;
  #subscribed = false;
  #connected = false;

  constructor(ledger: Ledger, clientId: string, filter: string, qos: 1 | 2, rotation: Rotation) {
    this.name = `session ${clientId}`;
    this.rotation = rotation;
    this.#ledger = ledger;
    this.#queue = ledger.queue(clientId);
    this.#filter = filter;
    this.#qos = qos;
    this.#taking = this.#queue.connected();
    this.#settlements = new Settlements(this.#queue);
    this.#life = new MqttLife(ledger, clientId, qos === 1 ? 4 : 5, inFlightMax, rotation);
    const { client } = this.#life;
    client.on("packetreceive", (packet) => {
      // Messages come right behind CONNACK, "connect" only after MQTT.js has sent again what it had to.
      if (packet.cmd === "connack") this.#begin();
    });
    client.on("connect", () => this.#subscribe());
    client.on("close", () => {
      this.#connected = false;
    });
    client.on("message", (_, payload, packet) => this.#take(payload, packet));
    this.#timer = setInterval(() => this.#flush(), flushMs);
  }

  /** The subscription stands. */
  get subscribed(): boolean {
    return this.#subscribed;
  }

  get idle(): boolean {
    return this.#connected && this.#settlements.idle;
  }

  cut(): void {
    this.#life.cut();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#life.end();
  }

  #begin(): void {
    this.#taking = this.#queue.connected();
    this.#settlements = new Settlements(this.#queue);
  }

  #subscribe(): void {
    this.#connected = true;
    if (this.#subscribed) return;
    this.#life.client.subscribe(this.#filter, { qos: this.#qos }, (error) => {
      if (!error) this.#subscribed = true;
    });
  }

  #take(payload: Buffer, { qos }: IPublishPacket): void {
    const taken = this.#ledger.take(this.#queue, this.#taking, payload, qos === 2);
    if (taken === null) return;
    const { name } = taken.producer;
    if (this.#qos === 2 && name === "mqtt2" && qos !== 2)
      this.#ledger.accuse(`a message of ${name} came with QoS ${qos}`);
    this.#settlements.acknowledged(taken);
  }

  /** PUBACK and PUBCOMP are behind each message already. */
  #flush(): void {
    if (!this.#connected) return;
    const settlements = this.#settlements;
    settlements.note((confirmed) => {
      this.#life.client.publish(topics.notes, this.name, { qos: 1 }, (error) => {
        // MQTT.js sends a note again over the next connection: then it says nothing of this one's acknowledgements.
        if (!error && settlements === this.#settlements) confirmed();
      });
    });
  }
}
