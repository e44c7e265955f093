import type { VirtualHost } from "./virtual-host.ts";

/** Of what a queue has, so much may go with it in one step: `Topology` does that many steps at once. */
const goneAtOnceMax = 256;

/**
 * What a virtual host has, taken out step by step once it is gone for everybody: nobody connects to it any more, and its
 * own definition is removed, so that a start after a crash finds things of a virtual host that is not there and removes
 * them.
 */
export function* emptyingVirtualHost(host: VirtualHost): Generator<void | Promise<unknown>, void> {
  const { topology, turn, store } = host;
  for (const queue of host.queues.values()) {
    turn.budget.left -= Math.min(goneAtOnceMax, queue.incoming.size + queue.readyCount);
    store.containment.run("background", () => topology.removeQueue(queue));
    yield topology.whenGone(queue.title);
  }
  for (const exchange of host.exchanges.values()) {
    turn.budget.left -= Math.min(goneAtOnceMax, exchange.incoming.size + exchange.bindings.size);
    store.containment.run("background", () => topology.removeExchange(exchange));
    yield topology.whenGone(exchange.title);
  }
  yield* host.records.clearing();
}
