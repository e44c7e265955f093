import type { Payer } from "./account/payer.ts";
import { routeBytes } from "./account/topology-bytes.ts";
import type { User } from "./auth/user.ts";
import { BrokerError, permissionRefused } from "./errors.ts";
import { isLongerThan, topicBytesMax } from "./name-bounds.ts";
import { forbiddenTopicExchange } from "./exchange/topic-reach.ts";
import { parseReplyPath } from "./reply-path.ts";
import { Route } from "./route.ts";
import type { VirtualHost } from "./virtual-host.ts";

/**
 * The routes that one client's publishes have taken: found by exchange and key, checked for existence and permission
 * again whenever topology or permissions changed, remembered up to `routeCacheMax`.
 */
export class Publishing {
  readonly #payer: Payer;
  readonly #host: VirtualHost;
  readonly #user: User;
  readonly #clientId: string;
  /** By exchange, then by routing key, or by topic behind a NUL where the key does not tell it. */
  #byExchange = new Map<string, Map<string, Route>>();
  #count = 0;
  #bytes = 0;

  constructor(payer: Payer, host: VirtualHost, user: User, clientId: string) {
    this.#payer = payer;
    this.#host = host;
    this.#user = user;
    this.#clientId = clientId;
  }

  /**
   * Throws not-found for a missing exchange and access-refused without permission. On the default exchange a key that
   * is a reply path (reply-path.ts) and no queue's name leads where the path does.
   */
  route(exchange: string, routingKey: string, topic: string | null = null): Route {
    const name = topic === null ? routingKey : `\0${topic}`;
    const route = this.#byExchange.get(exchange)?.get(name);
    if (route !== undefined && route.version === this.#host.topologyVersion) return route;
    if (exchange === "" && routingKey.startsWith("/") && this.#host.queue(routingKey) === undefined) {
      const path = parseReplyPath(routingKey, this.#host.parts.mqttExchange);
      if (path !== null) return this.route(path.exchange, path.routingKey, path.topic);
    }
    const fresh = route ?? new Route(exchange, routingKey, topic);
    this.#check(fresh);
    if (route === undefined) this.#remember(fresh, name);
    return fresh;
  }

  /** Forgets every route. They are found again when they are asked for. */
  forget(): void {
    this.#byExchange = new Map();
    this.#count = 0;
    this.#payer.release(this.#bytes);
    this.#bytes = 0;
  }

  #check(route: Route): void {
    const { exchange, routingKey } = route;
    const host = this.#host;
    if (isLongerThan(routingKey, topicBytesMax)) {
      throw new BrokerError("precondition-failed", `routing key of more than ${topicBytesMax} bytes`);
    }
    // Permission first: who may not write here does not learn whether the exchange exists.
    if (!this.#user.may("write", host.name, exchange)) {
      throw permissionRefused("write", "exchange", exchange, host.name, this.#user.name);
    }
    const source = host.requireExchange(exchange);
    if (source.internal) throw new BrokerError("access-refused", `cannot publish to internal ${source.title}`);
    const subject = { virtualHost: host.name, routingKey, topic: route.topic, clientId: this.#clientId };
    const forbidden = forbiddenTopicExchange(host, this.#user, source, subject);
    if (forbidden !== null) {
      const text = `write access to topic '${routingKey}' in ${forbidden.title} refused for user '${this.#user.name}'`;
      throw new BrokerError("access-refused", text);
    }
    host.resolve(route, source);
  }

  #remember(route: Route, name: string): void {
    const { routeCacheMax, routeCacheBytesMax } = this.#host.store.limits;
    const bytes = routeBytes(route.exchange, route.routingKey, route.topic);
    if (this.#count >= routeCacheMax || this.#bytes + bytes > routeCacheBytesMax) this.forget();
    if (!this.#payer.hasRoom(bytes)) return;
    this.#payer.add(bytes);
    this.#bytes += bytes;
    let byKey = this.#byExchange.get(route.exchange);
    if (byKey === undefined) this.#byExchange.set(route.exchange, (byKey = new Map()));
    byKey.set(name, route);
    this.#count++;
  }
}
