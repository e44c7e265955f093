import type { ChannelModel, ConfirmChannel } from "amqplib";
import type { ProducerFacts } from "../ledger/producer-facts.ts";
import { bodyOf } from "../message.ts";
import { exchange, isForAll, queueNames } from "../plan.ts";
import { AmqpLife } from "./amqp-life.ts";
import type { Rotation, SoakProducer } from "./client.ts";
import { Publishing } from "./publishing.ts";

const outstandingMax = 100;

/** Publishes persistent messages with confirms. What is not confirmed when the connection goes is not sent again. */
export class AmqpProducer implements SoakProducer {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #publishing: Publishing;
  readonly #life: AmqpLife;
  #channel: ConfirmChannel | null = null;

  constructor(facts: ProducerFacts, rotation: Rotation, perSecond: number) {
    this.name = `producer ${facts.name}`;
    this.rotation = rotation;
    this.#publishing = new Publishing(facts, perSecond, outstandingMax, (sequence) => this.#send(sequence));
    this.#life = new AmqpLife(rotation, {
      begin: (connection) => this.#begin(connection),
      lost: () => {
        this.#channel = null;
        this.#publishing.lost();
      },
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

  async #begin(connection: ChannelModel): Promise<void> {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => this.cut());
    this.#channel = channel;
    this.#publishing.connected();
  }

  #send(sequence: number): void {
    const { facts } = this.#publishing;
    const channel = this.#channel as ConfirmChannel;
    facts.goesOut(sequence);
    const [target, key] = isForAll(sequence) ? [exchange, `soak.all.${facts.name}`] : ["", queueNames.oneAmqp];
    channel.publish(target, key, bodyOf(facts.name, sequence), { persistent: true }, (error) => {
      // What was outstanding when the connection went is reported as an error too, after `lost`.
      if (channel !== this.#channel) return;
      if (error === null) this.#publishing.confirm(sequence);
      else if ((error as Error).message === "message nacked") this.#publishing.refuse(sequence);
    });
  }
}
