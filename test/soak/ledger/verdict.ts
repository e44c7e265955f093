import type { Ledger } from "./ledger.ts";
import type { ProducerFacts } from "./producer-facts.ts";
import type { QueueFacts } from "./queue-facts.ts";

/** Looks whether everything confirmed has come; goes on where it stopped, as what has come has come. */
export class Completion {
  readonly #ledger: Ledger;
  readonly #places = new Map<QueueFacts, Map<ProducerFacts, number>>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A confirmed message that has not come out of a queue where it belongs; null where there is none. */
  firstMissing(): string | null {
    for (const queue of this.#ledger.queues) {
      const places = this.#places.get(queue) ?? new Map<ProducerFacts, number>();
      this.#places.set(queue, places);
      for (const producer of this.#ledger.producers) {
        const sequence = nextMissing(producer, queue, places.get(producer) ?? 0);
        places.set(producer, sequence);
        if (sequence < producer.sent) return `${producer.name}/${sequence} in ${queue.plan.name}`;
      }
    }
    return null;
  }
}

/**
 * What only shows at the end: every confirmed message has come out of every queue that it belongs into, and over one
 * connection of a producer nothing is missing before something that came. (What was not confirmed may be lost when its
 * connection ends, together with everything behind it.)
 */
export function closeLedger(ledger: Ledger): void {
  for (const producer of ledger.producers) {
    for (const queue of ledger.queues) {
      const { name } = queue.plan;
      for (let at = 0; (at = nextMissing(producer, queue, at)) < producer.sent; at++) {
        ledger.accuse(`${producer.name}/${at} was confirmed, and is lost in ${name}`);
      }
      for (const gap of gapsOf(producer, queue)) {
        ledger.accuse(`${producer.name}/${gap} is missing in ${name} before later ones of its connection`);
      }
    }
  }
}

/** The first from `from` on that was confirmed and has not come; `producer.sent` where there is none. */
function nextMissing(producer: ProducerFacts, queue: QueueFacts, from: number): number {
  let sequence = from;
  for (; sequence < producer.sent; sequence++) {
    if (!producer.isConfirmed(sequence) || !queue.plan.takes(producer.name, sequence)) continue;
    if (queue.deliveriesOf({ producer, sequence }) === 0) break;
  }
  return sequence;
}

function gapsOf(producer: ProducerFacts, queue: QueueFacts): number[] {
  const gaps: number[] = [];
  for (const [place, start] of producer.connectionStarts.entries()) {
    const end = producer.connectionStarts[place + 1] ?? producer.sent;
    let gap = -1;
    for (let sequence = start; sequence < end; sequence++) {
      if (!queue.plan.takes(producer.name, sequence) || producer.isRefused(sequence)) continue;
      const came = queue.deliveriesOf({ producer, sequence }) > 0;
      if (!came && gap < 0) gap = sequence;
      if (came && gap >= 0) {
        gaps.push(gap);
        break;
      }
    }
  }
  return gaps;
}
