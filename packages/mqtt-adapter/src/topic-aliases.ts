import type { Route, Tab } from "@jackalope/core/adapter";
import { MqttError, protocolError } from "./mqtt-error.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { PublishTopic } from "./recent-topics.ts";

/** The topic aliases that a client has set. They live as long as its connection ([MQTT-3.3.2-7]). */
export class IncomingAliases {
  readonly #maximum: number;
  readonly #topics: (PublishTopic | undefined)[] = [];
  /** Pays for the topics. */
  readonly #tab: Tab | null;

  constructor(maximum: number, tab: Tab | null = null) {
    this.#maximum = maximum;
    this.#tab = tab;
  }

  /** The topic behind an alias. Throws MqttError. */
  get(alias: number): PublishTopic {
    this.#check(alias);
    const topic = this.#topics[alias];
    // MQTT 5, 3.3.2.3.4: an alias without a topic needs one that was set before.
    if (topic === undefined) throw protocolError("3.3.2.3.4", `PUBLISH has topic alias ${alias}, which was never set`);
    return topic;
  }

  /** Sets an alias. Throws MqttError, and quota-exceeded where the connection has no room for the topic. */
  set(alias: number, topic: PublishTopic): void {
    this.#check(alias);
    const known = this.#topics[alias];
    if (known === topic) return;
    const moreBytes = topic.heldBytes - (known?.heldBytes ?? 0);
    if (moreBytes > 0) this.#tab?.admit(moreBytes, `the topic alias ${alias} is not set`);
    else this.#tab?.add(moreBytes);
    this.#topics[alias] = topic;
  }

  #check(alias: number): void {
    if (alias <= this.#maximum) return;
    // [MQTT-3.3.2-9]
    const text = `PUBLISH has topic alias ${alias}, and ${this.#maximum} is the largest`;
    throw new MqttError(reasonCodes.topicAliasInvalid, "MQTT-3.3.2-9", text);
  }
}

/**
 * The topic aliases that the broker sets for one client, up to the client's maximum. When all are taken, one that was not
 * used since the hand last passed it is given to the new topic (second chance).
 */
export class OutgoingAliases {
  readonly #maximum: number;
  readonly #byTopic = new Map<string, number>();
  /** By alias. */
  readonly #topics: string[] = [""];
  readonly #used: Uint8Array;
  #hand = 1;
  #lastRoute: Route | null = null;
  #lastAlias = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#used = new Uint8Array(maximum + 1);
  }

  /** The alias of the route's topic, 0 where it has none. */
  find(route: Route): number {
    if (route === this.#lastRoute) return this.#lastAlias;
    const alias = this.#byTopic.get(nameOf(route));
    if (alias === undefined) return 0;
    this.#used[alias] = 1;
    this.#lastRoute = route;
    this.#lastAlias = alias;
    return alias;
  }

  /** An alias for a topic that has none: topic and alias must leave in one packet now. */
  assign(route: Route): number {
    const alias = this.#topics.length <= this.#maximum ? this.#topics.length : this.#taken();
    const name = nameOf(route);
    this.#topics[alias] = name;
    this.#byTopic.set(name, alias);
    this.#used[alias] = 1;
    this.#lastRoute = route;
    this.#lastAlias = alias;
    return alias;
  }

  /** Takes an alias away from its topic. */
  #taken(): number {
    for (;;) {
      const alias = this.#hand;
      this.#hand = alias === this.#maximum ? 1 : alias + 1;
      if (this.#used[alias] === 0) {
        this.#byTopic.delete(this.#topics[alias] as string);
        return alias;
      }
      this.#used[alias] = 0;
    }
  }
}

/** Keys and exact topics are different texts for the same topic: `a.b` is the key of `a/b`. */
function nameOf(route: Route): string {
  return route.topic === null ? route.routingKey : `\0${route.topic}`;
}
