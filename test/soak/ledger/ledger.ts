import { identityOf } from "../message.ts";
import { type ProducerName, producerNames, queuePlans } from "../plan.ts";
import { ProducerFacts } from "./producer-facts.ts";
import { QueueFacts, type Taken, type Taking } from "./queue-facts.ts";

/** One is enough to fail, and a few are enough to see a pattern. */
const accusationsMax = 50;

/** A delivery by a broker that did not lead any more. */
export interface LateDelivery {
  /** Of the message and its queue. */
  readonly name: string;
  /** Since its successor had settled messages of that queue, in milliseconds. */
  readonly afterMs: number;
}

/** Everything that clients know of every message, and the promises that were broken. */
export class Ledger {
  readonly producers: readonly ProducerFacts[];
  readonly queues: readonly QueueFacts[];
  /** Broken promises in words. */
  readonly accusations: string[] = [];
  /** Errors that clients were told, and how often. */
  readonly errors: Map<string, number> = new Map();
  /** What came from brokers that did not lead any more. */
  readonly late: LateDelivery[] = [];
  readonly #byName: ReadonlyMap<string, ProducerFacts>;

  constructor() {
    this.producers = producerNames.map((name) => new ProducerFacts(name, name.startsWith("mqtt")));
    this.queues = queuePlans.map((plan) => new QueueFacts(plan, (text) => this.accuse(text)));
    this.#byName = new Map(this.producers.map((producer) => [producer.name, producer]));
  }

  get confirmed(): number {
    return this.producers.reduce((sum, { confirmed }) => sum + confirmed, 0);
  }

  get delivered(): number {
    return this.queues.reduce((sum, { delivered }) => sum + delivered, 0);
  }

  accuse(text: string): void {
    if (this.accusations.length < accusationsMax) this.accusations.push(text);
  }

  /** A client was told of an error that is none of the ordinary ones: for the report, or a broken promise. */
  noteError(client: string, text: string): void {
    if (text.startsWith("Protocol error")) this.accuse(`${client}: ${text}`);
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }

  /** A client that stayed with a broker was given a message, so long after its successor had settled others. */
  cameLate({ plan }: QueueFacts, { producer, sequence }: Taken, afterMs: number): void {
    this.late.push({ name: `${producer.name}/${sequence} in ${plan.name}`, afterMs });
  }

  producer(name: ProducerName): ProducerFacts {
    return this.#byName.get(name) as ProducerFacts;
  }

  queue(name: string): QueueFacts {
    const queue = this.queues.find(({ plan }) => plan.name === name);
    if (queue === undefined) throw new Error(`no queue ${name}`);
    return queue;
  }

  /** A message came out of a queue. Null where it is none that anybody sent. */
  take(queue: QueueFacts, taking: Taking, body: Buffer, isExact: boolean): Taken | null {
    const identity = identityOf(body);
    const producer = identity === null ? undefined : this.#byName.get(identity.producer);
    if (identity === null || producer === undefined) {
      this.accuse(`${queue.plan.name} gave a body that nobody sent: ${body.toString("latin1", 0, 60)}`);
      return null;
    }
    const taken = { producer, sequence: identity.sequence };
    queue.deliver(taking, taken, isExact);
    return taken;
  }
}
