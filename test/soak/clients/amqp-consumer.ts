import type { ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import type { Ledger } from "../ledger/ledger.ts";
import type { QueueFacts, Taken } from "../ledger/queue-facts.ts";
import { queueNames } from "../plan.ts";
import type { Random } from "../random.ts";
import { AmqpLife } from "./amqp-life.ts";
import type { Rotation, SoakClient } from "./client.ts";
import { Settlements } from "./settlements.ts";

const prefetch = 100;
const flushMs = 30;

/** Takes from a queue and acknowledges, now one by one, now many at once, and some only a little later. */
export class AmqpConsumer implements SoakClient {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #ledger: Ledger;
  readonly #queue: QueueFacts;
  readonly #random: Random;
  readonly #life: AmqpLife;
  readonly #timer: NodeJS.Timeout;
  #channel: ConfirmChannel | null = null;
  #settlements: Settlements;
  #unacknowledged: { readonly message: ConsumeMessage; readonly taken: Taken }[] = [];

  constructor(ledger: Ledger, queueName: string, rotation: Rotation, random: Random) {
    this.name = `consumer of ${queueName}`;
    this.rotation = rotation;
    this.#ledger = ledger;
    this.#queue = ledger.queue(queueName);
    this.#random = random;
    this.#settlements = new Settlements(this.#queue);
    this.#life = new AmqpLife(rotation, {
      begin: (connection) => this.#begin(connection),
      lost: () => {
        this.#channel = null;
      },
    });
    this.#timer = setInterval(() => this.#flush(), flushMs);
  }

  get idle(): boolean {
    return this.#channel !== null && this.#unacknowledged.length === 0 && this.#settlements.idle;
  }

  cut(): void {
    this.#life.cut();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#life.end();
  }

  async #begin(connection: ChannelModel): Promise<void> {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => this.cut());
    await channel.prefetch(prefetch);
    this.#settlements = new Settlements(this.#queue);
    this.#unacknowledged = [];
    const taking = this.#queue.connected();
    await channel.consume(this.#queue.plan.name, (message) => {
      if (message === null) return this.#ledger.accuse(`the ${this.name} was cancelled`);
      const taken = this.#ledger.take(this.#queue, taking, message.content, false);
      if (taken !== null) this.#unacknowledged.push({ message, taken });
    });
    this.#channel = channel;
  }

  /** Acknowledges the first few that wait: all at once, or one after the other. */
  #flush(): void {
    const channel = this.#channel;
    if (channel === null) return;
    const together = this.#random.oneIn(2);
    const acknowledged = this.#unacknowledged.splice(0, this.#random.between(1, prefetch));
    const last = acknowledged.at(-1);
    for (const { message, taken } of acknowledged) {
      if (!together || message === last?.message) channel.ack(message, together);
      this.#settlements.acknowledged(taken);
    }
    this.#settlements.note((confirmed) => {
      channel.sendToQueue(queueNames.notes, Buffer.from(this.name), { persistent: true }, (error) => {
        if (error === null) confirmed();
      });
    });
  }
}
