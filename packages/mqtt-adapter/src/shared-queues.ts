import type { VirtualHost } from "@jackalope/core/adapter";
import type { SessionState } from "./session-state.ts";

/** Begins the names of the queues behind shared subscriptions. */
const sharedPrefix = "$share/";

/**
 * The queues behind the shared subscriptions of one virtual host: `$share/group/filter`, read by all its members in turn
 * (MQTT 5, 4.8.2). Such a queue lives while a session, connected or not, is subscribed; consumers of other protocols do
 * not count.
 */
export class SharedQueues {
  readonly #host: VirtualHost;
  readonly #members = new Map<string, Set<SessionState>>();

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  join(queueName: string, state: SessionState): void {
    let members = this.#members.get(queueName);
    if (members === undefined) this.#members.set(queueName, (members = new Set()));
    members.add(state);
  }

  /** The last member takes the queue with it. */
  leave(queueName: string, state: SessionState): void {
    const members = this.#members.get(queueName);
    if (members === undefined) return;
    members.delete(state);
    if (members.size > 0) return;
    this.#members.delete(queueName);
    this.#remove(queueName);
  }

  /** After a restart: removes the queues whose members were all connections that ended with the broker. */
  sweep(): void {
    for (const name of [...this.#host.queues.keys()]) {
      if (name.startsWith(sharedPrefix) && !this.#members.has(name)) this.#remove(name);
    }
  }

  #remove(queueName: string): void {
    const queue = this.#host.queues.get(queueName);
    if (queue !== undefined) this.#host.topology.removeQueue(queue);
  }
}
