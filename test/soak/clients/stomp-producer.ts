import type { Ledger } from "../ledger/ledger.ts";
import type { ProducerFacts } from "../ledger/producer-facts.ts";
import { bodyOf } from "../message.ts";
import { isForAll, queueNames } from "../plan.ts";
import type { Rotation, SoakProducer } from "./client.ts";
import { Publishing } from "./publishing.ts";
import { StompLife } from "./stomp-life.ts";

const outstandingMax = 60;

/** Sends persistent messages with receipts. What has no receipt when the connection goes is not sent again. */
export class StompProducer implements SoakProducer {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #publishing: Publishing;
  readonly #life: StompLife;
  #connection = 0;

  constructor(ledger: Ledger, facts: ProducerFacts, rotation: Rotation, perSecond: number) {
    this.name = `producer ${facts.name}`;
    this.rotation = rotation;
    this.#publishing = new Publishing(facts, perSecond, outstandingMax, (sequence) => this.#send(sequence));
    this.#life = new StompLife(rotation, {
      begin: () => this.#publishing.connected(),
      lost: () => {
        this.#connection++;
        this.#publishing.lost();
      },
      failed: (text) => ledger.noteError(this.name, text),
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
    const { facts } = this.#publishing;
    const connection = this.#connection;
    facts.goesOut(sequence);
    const receipt = this.#life.receipt(() => {
      if (connection === this.#connection) this.#publishing.confirm(sequence);
    });
    this.#life.client.publish({
      destination: isForAll(sequence) ? `/topic/soak.all.${facts.name}` : `/amq/queue/${queueNames.oneStomp}`,
      headers: { persistent: "true", receipt },
      binaryBody: bodyOf(facts.name, sequence),
    });
  }
}
