import type { QueuePlan } from "../plan.ts";
import { Counts } from "./counts.ts";
import type { ProducerFacts } from "./producer-facts.ts";

/** Tells of a broken promise. */
export type Accuse = (text: string) => void;

/** What was seen of one producer's messages in one queue. */
class PairFacts {
  readonly deliveries = new Counts();
  readonly acknowledged = new Counts();
  readonly settled = new Counts();
  /** The greatest number that came. */
  greatest = -1;
}

/** What was seen of one producer's messages over one connection. */
interface Seen {
  last: number;
  readonly counts: Map<number, number>;
}

/** One consumer's connection to one queue. */
export interface Taking {
  /** Words that tell it from the crew's own, behind the name of a message. */
  readonly whose: string;
  readonly seen: Map<ProducerFacts, Seen>;
}

/** A message that came. */
export interface Taken {
  readonly producer: ProducerFacts;
  readonly sequence: number;
}

/** What the consumers of one queue have seen, held against what they may see. */
export class QueueFacts {
  readonly plan: QueuePlan;
  delivered = 0;
  /** Came again, and had not been acknowledged. */
  againUnacknowledged = 0;
  /** Came again, and whether their acknowledgement was durable nobody knew. */
  againInDoubt = 0;
  /** Acknowledgements known to be durable. */
  settlements = 0;
  readonly #accuse: Accuse;
  readonly #pairs = new Map<ProducerFacts, PairFacts>();

  constructor(plan: QueuePlan, accuse: Accuse) {
    this.plan = plan;
    this.#accuse = accuse;
  }

  /** A consumer begins to take from the queue over a new connection. */
  connected(whose = ""): Taking {
    return { whose, seen: new Map() };
  }

  /**
   * A message came. `isExact` where the protocol promises that it comes once (QoS 2 from end to end).
   *
   * - It was published, and belongs here.
   * - It does not come again once its acknowledgement is known to be durable; where the producer has to send again what
   *   was not acknowledged, there may be as many copies as were sent.
   * - It does not come again over the same connection: nothing is given back here.
   * - What comes for the first time has a greater number than all that came before.
   * - Over one connection numbers grow, redeliveries included. Only copies that were sent again may come between.
   */
  deliver(taking: Taking, taken: Taken, isExact: boolean): void {
    const { producer, sequence } = taken;
    const pair = this.#pair(producer);
    const id = `${producer.name}/${sequence} in ${this.plan.name}${taking.whose}`;
    this.delivered++;
    if (sequence >= producer.sent) this.#accuse(`${id} was never published`);
    if (!this.plan.takes(producer.name, sequence)) this.#accuse(`${id} does not belong there`);
    const copiesMax = isExact ? 1 : producer.copiesMax(sequence);
    if (pair.settled.get(sequence) >= copiesMax) this.#accuse(`${id} came again after its acknowledgement was durable`);
    if (pair.deliveries.add(sequence) > 1) this.#again(pair, sequence, isExact, id);
    else if (sequence < pair.greatest) this.#accuse(`${id} came for the first time after number ${pair.greatest}`);
    else pair.greatest = sequence;
    this.#checkConnection(taking, taken, copiesMax, id);
  }

  /** The consumer has sent its acknowledgement. */
  acknowledge({ producer, sequence }: Taken): void {
    this.#pair(producer).acknowledged.add(sequence);
  }

  /** The acknowledgement is durable. */
  settle({ producer, sequence }: Taken): void {
    this.settlements++;
    this.#pair(producer).settled.add(sequence);
  }

  /** How often it came. */
  deliveriesOf({ producer, sequence }: Taken): number {
    return this.#pair(producer).deliveries.get(sequence);
  }

  #again(pair: PairFacts, sequence: number, isExact: boolean, id: string): void {
    if (isExact) this.#accuse(`${id} came again, with QoS 2`);
    if (pair.acknowledged.get(sequence) > 0) this.againInDoubt++;
    else this.againUnacknowledged++;
  }

  #checkConnection({ seen }: Taking, { producer, sequence }: Taken, copiesMax: number, id: string): void {
    let own = seen.get(producer);
    if (own === undefined) seen.set(producer, (own = { last: -1, counts: new Map() }));
    if (sequence <= own.last) {
      const count = own.counts.get(sequence) ?? 1;
      if (count >= copiesMax) this.#accuse(`${id} came after number ${own.last} over the same connection`);
      own.counts.set(sequence, count + 1);
      return;
    }
    own.last = sequence;
  }

  #pair(producer: ProducerFacts): PairFacts {
    let pair = this.#pairs.get(producer);
    if (pair === undefined) this.#pairs.set(producer, (pair = new PairFacts()));
    return pair;
  }
}
