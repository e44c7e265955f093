import type { Ledger } from "../ledger/ledger.ts";
import type { ProducerFacts } from "../ledger/producer-facts.ts";
import { bodyOf } from "../message.ts";
import { isForAll, topics } from "../plan.ts";
import type { Rotation, SoakProducer } from "./client.ts";
import { MqttLife } from "./mqtt-life.ts";
import { Publishing } from "./publishing.ts";

const inFlightMax = 40;
/**
 * In PUBCOMP: the broker had completed the message, and the first PUBCOMP was lost. MQTT 5, 3.7.2.1: that is no error
 * during recovery. PUBREL goes out only where PUBREC has come, so the message is the broker's.
 */
const identifierNotFound = 146;

/** Publishes with QoS 1 or 2; MQTT.js sends again over the next connection what was not acknowledged. */
export class MqttProducer implements SoakProducer {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #ledger: Ledger;
  readonly #qos: 1 | 2;
  readonly #publishing: Publishing;
  readonly #life: MqttLife;

  constructor(ledger: Ledger, facts: ProducerFacts, qos: 1 | 2, rotation: Rotation, perSecond: number) {
    this.name = `producer ${facts.name}`;
    this.rotation = rotation;
    this.#ledger = ledger;
    this.#qos = qos;
    this.#publishing = new Publishing(facts, perSecond, inFlightMax, (sequence) => this.#send(sequence));
    this.#life = new MqttLife(ledger, `soak-producer-${facts.name}`, qos === 1 ? 4 : 5, inFlightMax, rotation);
    const { client } = this.#life;
    client.on("connect", () => this.#publishing.connected());
    client.on("close", () => this.#publishing.lost());
    client.on("packetsend", (packet) => {
      if (packet.cmd === "publish") facts.goesOut(sequenceOf(packet.payload as Buffer));
    });
  }

  get idle(): boolean {
    return this.#publishing.idle;
  }

  stop(): void {
    this.#publishing.stop();
  }

  resume(count: number): void {
    this.#publishing.resume(count);
  }

  cut(): void {
    this.#life.cut();
  }

  async end(): Promise<void> {
    this.#publishing.end();
    await this.#life.end();
  }

  #send(sequence: number): void {
    const { name } = this.#publishing.facts;
    const topic = `${isForAll(sequence) ? topics.all : topics.one}/${name}`;
    this.#life.client.publish(topic, bodyOf(name, sequence), { qos: this.#qos }, (error) => {
      if (error && codeOf(error) !== identifierNotFound) this.#refused(sequence, error);
      else this.#publishing.confirm(sequence);
    });
  }

  #refused(sequence: number, { message }: Error): void {
    this.#ledger.noteError(this.name, message);
    this.#publishing.refuse(sequence);
  }
}

function codeOf(error: Error): unknown {
  return (error as Error & { readonly code?: unknown }).code;
}

function sequenceOf(body: Buffer): number {
  const start = body.indexOf("/") + 1;
  return Number(body.toString("latin1", start, body.indexOf("/", start)));
}
