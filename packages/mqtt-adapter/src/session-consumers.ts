import type { Channel, Consumer } from "@jackalope/core/adapter";
import type { SessionState } from "./session-state.ts";
import type { Subscription } from "./subscription.ts";

/** The tag of the consumer of the session's own queue; those of shared queues have their filter for a tag. */
const ownTag = "";

/** The consumers through which one connection gets its session's messages: one for each queue. */
export class SessionConsumers {
  readonly #channel: Channel;
  readonly #state: SessionState;
  #own: Consumer | null = null;
  readonly #sharing = new Map<string, Consumer>();

  constructor(channel: Channel, state: SessionState) {
    this.#channel = channel;
    this.#state = state;
  }

  /** Sees to a consumer for every queue, with acknowledgements where some subscription asks for more than QoS 0. */
  update(): void {
    const state = this.#state;
    this.#updateOwn();
    if (state.sharedSubscriptionCount === 0) return;
    for (const subscription of state.subscriptions) {
      if (subscription.shared !== null) this.#share(subscription);
    }
  }

  /** Ends the consumer of a shared subscription. */
  leave(filter: string): void {
    this.#channel.cancel(filter);
    this.#sharing.delete(filter);
  }

  #updateOwn(): void {
    const state = this.#state;
    if (state.queue === null || state.queue.deleted) return;
    // What an earlier connection left under way is completed even where nothing asks for more than QoS 0 any more.
    const underWay = state.hasInFlight && state.inFlight.count > 0;
    const noAck = !state.subscriptions.acknowledges && !underWay;
    const own = this.#own;
    if (own !== null && (noAck || !own.noAck)) return;
    if (own !== null) this.#channel.cancel(own.tag);
    this.#own = this.#consumer(state.queue.name, ownTag, noAck, null);
    this.#own.start();
  }

  #share(subscription: Subscription): void {
    const { filter, qos } = subscription;
    const existing = this.#sharing.get(filter);
    if (existing?.adapterState === subscription) return;
    if (existing !== undefined) this.#channel.cancel(filter);
    const consumer = this.#consumer(filter, filter, qos === 0, subscription);
    this.#sharing.set(filter, consumer);
    consumer.start();
  }

  #consumer(queueName: string, tag: string, noAck: boolean, adapterState: Subscription | null): Consumer {
    const spec = { tag, noAck, exclusive: false, arguments: [], adapterState, settlesTransient: true };
    return this.#channel.consume(queueName, spec);
  }
}
