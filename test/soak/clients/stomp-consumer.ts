import type { Client, IMessage } from "@stomp/stompjs";
import type { Ledger } from "../ledger/ledger.ts";
import type { QueueFacts, Taken } from "../ledger/queue-facts.ts";
import { queueNames } from "../plan.ts";
import type { Rotation, SoakClient } from "./client.ts";
import { Settlements } from "./settlements.ts";
import { StompLife } from "./stomp-life.ts";

const flushMs = 30;

/** A message that has come, with its frame. */
interface Held {
  readonly message: IMessage;
  readonly taken: Taken;
}

/** Takes from a queue with client-individual acknowledgements; with `relayTo`, each round of them is a transaction that
 * sends the messages on to that queue. */
export class StompConsumer implements SoakClient {
  readonly name: string;
  readonly rotation: Rotation;
  readonly #ledger: Ledger;
  readonly #queue: QueueFacts;
  readonly #relayTo: string | null;
  readonly #life: StompLife;
  readonly #timer: NodeJS.Timeout;
  #connected = false;
  #settlements: Settlements;
  #held: Held[] = [];

  constructor(ledger: Ledger, queueName: string, relayTo: string | null, rotation: Rotation) {
    this.name = `consumer of ${queueName}`;
    this.rotation = rotation;
    this.#ledger = ledger;
    this.#queue = ledger.queue(queueName);
    this.#relayTo = relayTo;
    this.#settlements = new Settlements(this.#queue);
    this.#life = new StompLife(rotation, {
      begin: (client) => this.#begin(client),
      lost: () => {
        this.#connected = false;
      },
      failed: (text) => ledger.noteError(this.name, text),
    });
    this.#timer = setInterval(() => this.#flush(), flushMs);
  }

  get idle(): boolean {
    return this.#connected && this.#held.length === 0 && this.#settlements.idle;
  }

  cut(): void {
    this.#life.cut();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#life.end();
  }

  #begin(client: Client): void {
    this.#settlements = new Settlements(this.#queue);
    this.#held = [];
    const taking = this.#queue.connected();
    const take = (message: IMessage): void => {
      const taken = this.#ledger.take(this.#queue, taking, Buffer.from(message.binaryBody), false);
      if (taken !== null) this.#held.push({ message, taken });
    };
    const headers = { ack: "client-individual", "prefetch-count": "100" };
    client.subscribe(`/amq/queue/${this.#queue.plan.name}`, take, headers);
    this.#connected = true;
  }

  #flush(): void {
    if (!this.#connected || this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    if (this.#relayTo === null) for (const { message } of held) message.ack();
    else this.#relay(held, this.#relayTo);
    for (const { taken } of held) this.#settlements.acknowledged(taken);
    this.#settlements.note((confirmed) => {
      const receipt = this.#life.receipt(confirmed);
      const destination = `/amq/queue/${queueNames.notes}`;
      this.#life.client.publish({ destination, headers: { persistent: "true", receipt }, body: this.name });
    });
  }

  #relay(held: readonly Held[], target: string): void {
    const { client } = this.#life;
    const { id: transaction, commit } = client.begin();
    for (const { message } of held) {
      const headers = { persistent: "true", transaction };
      client.publish({ destination: `/amq/queue/${target}`, headers, binaryBody: message.binaryBody });
      message.ack({ transaction });
    }
    commit();
  }
}
