import type { Payer } from "./account/payer.ts";
import type { Consumer } from "./channel/consumer.ts";
import { queueBytes } from "./account/topology-bytes.ts";
import { bindingKey, bindingValue, exchangeKey, exchangeValue, queueKey, queueValue } from "./definitions.ts";
import { queueArgumentNames, requireSameArguments, requireSameFlag } from "./equivalence.ts";
import { BrokerError, resourceName } from "./errors.ts";
import { Binding, type BindingSpec, bindingId, type Destination } from "./exchange/binding.ts";
import { Exchange, type ExchangeSpec, isExchangeType } from "./exchange/exchange.ts";
import { checkHeadersArguments } from "./exchange/headers-condition.ts";
import { Queue, type QueueSpec } from "./queue/queue.ts";
import type { QueueOwner } from "./queue/queue-host.ts";
import { readQueueArguments } from "./queue/queue-arguments.ts";
import { inBackgroundSlices, inSlices, type Steps } from "./long-act.ts";
import type { Lsn } from "./storage-engine.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** Durable at once: nothing had to be written. */
const noWrite: Lsn = 0;

/**
 * Changes to the exchanges, queues and bindings of one virtual host. Each is made at once and returns the Lsn at which
 * it is durable, 0 where nothing had to be stored; callers wait for it before they answer. Permissions and names are
 * the caller's business (client-connection.ts).
 */
export class Topology {
  readonly #host: VirtualHost;
  #bindingCount = 0;
  /** What was removed and has so much that it is not all out yet, by title. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  declareExchange(name: string, spec: ExchangeSpec, payer: Payer): Lsn {
    if (!isExchangeType(spec.type)) {
      throw new BrokerError("precondition-failed", `unknown exchange type '${spec.type}'`);
    }
    const existing = this.#host.exchanges.get(name);
    if (existing !== undefined) {
      requireSameFlag(existing.title, "type", spec.type, existing.type);
      requireSameFlag(existing.title, "durable", spec.durable, existing.durable);
      requireSameFlag(existing.title, "auto_delete", spec.autoDelete, existing.autoDelete);
      requireSameFlag(existing.title, "internal", spec.internal, existing.internal);
      requireSameArguments(existing.title, ["alternate-exchange"], spec.arguments, existing.arguments);
      return noWrite;
    }
    const maximum = this.#host.store.limits.exchangesPerVirtualHostMax;
    if (this.#host.exchanges.size >= maximum) {
      const title = resourceName("exchange", name, this.#host.name);
      throw new BrokerError("quota-exceeded", `cannot declare ${title}: exchange limit of ${maximum} is reached`);
    }
    const made = new Exchange(this.#host.name, name, spec.type, spec, payer);
    payer.admitDefinition(made.accountedBytes, `cannot declare ${made.title}`);
    const exchange = this.addExchange(made);
    return exchange.durable
      ? this.#host.store.put(exchangeKey(this.#host.name, name), exchangeValue(exchange))
      : noWrite;
  }

  /** Takes an exchange into the virtual host without storing it; recovery calls it for stored ones. */
  addExchange(exchange: Exchange): Exchange {
    this.#host.exchanges.set(exchange.name, exchange);
    exchange.payer?.add(exchange.accountedBytes);
    this.#host.topologyVersion++;
    return exchange;
  }

  /**
   * Removes an exchange with its bindings. It is gone at once, and the Lsn says when for good; very many bindings are taken
   * out in later turns, and after a crash at the start.
   */
  removeExchange(exchange: Exchange): Lsn {
    if (exchange.deleted) return noWrite;
    return this.#remove(exchange.title, () => {
      this.#forgetExchange(exchange);
      return this.#emptying([exchange]);
    });
  }

  #forgetExchange(exchange: Exchange): void {
    exchange.deleted = true;
    this.#host.exchanges.delete(exchange.name);
    exchange.payer?.release(exchange.accountedBytes);
    this.#host.topologyVersion++;
    if (exchange.durable) this.#host.store.put(exchangeKey(this.#host.name, exchange.name), null);
  }

  /** Resolves when nothing is left of a queue or an exchange of this title that was removed; undefined where nothing is. */
  whenGone(title: string): Promise<void> | undefined {
    return this.#leaving.get(title);
  }

  /** What `begin` does, and the first steps that it returns, survive a crash together; the rest follows in later turns. */
  #remove(title: string, begin: () => Steps): Lsn {
    const { store, turn } = this.#host;
    const begun: (void | Promise<void>)[] = [];
    const lsn = store.atomic(() => {
      begun.push(inBackgroundSlices(turn, begin()));
    });
    const [rest] = begun;
    if (rest instanceof Promise) {
      const leaving = rest.finally(() => {
        if (this.#leaving.get(title) === leaving) this.#leaving.delete(title);
      });
      this.#leaving.set(title, leaving);
      store.containment.watch("background", leaving);
    }
    return lsn;
  }

  /** Takes out one binding of these exchanges, which are deleted, in each step, and what the last ones take with them. */
  *#emptying(deleted: Exchange[]): Generator<void, void> {
    for (let exchange = deleted.pop(); exchange !== undefined; exchange = deleted.pop()) {
      yield* this.#unlinking(exchange.bindings.values(), deleted);
      yield* this.#unlinking(exchange.incoming, deleted);
    }
  }

  *#unlinking(bindings: Iterable<Binding>, deleted: Exchange[]): Generator<void, void> {
    for (const binding of bindings) {
      this.#unlink(binding, deleted);
      yield;
    }
  }

  /** Throws precondition-failed where an existing queue was declared differently; the owner is the caller's business. */
  requireEquivalent(queue: Queue, spec: QueueSpec): void {
    requireSameFlag(queue.title, "durable", spec.durable, queue.durable);
    requireSameFlag(queue.title, "auto_delete", spec.autoDelete, queue.autoDelete);
    requireSameArguments(queue.title, queueArgumentNames, spec.arguments, queue.arguments);
  }

  /** Makes a queue that does not exist yet. */
  createQueue(name: string, spec: QueueSpec, owner: QueueOwner | null, payer: Payer): { queue: Queue; lsn: Lsn } {
    const host = this.#host;
    const options = readQueueArguments(spec.arguments, name, host.name);
    if (options.type === "quorum") requireQuorumShape(spec, resourceName("queue", name, host.name));
    const maximum = host.store.limits.queuesPerVirtualHostMax;
    if (host.queues.size >= maximum) {
      const text = `cannot declare ${resourceName("queue", name, host.name)}: queue limit in vhost '${host.name}' (${maximum}) is reached`;
      throw new BrokerError("quota-exceeded", text);
    }
    const title = resourceName("queue", name, host.name);
    payer.admitDefinition(queueBytes(name, spec.arguments), `cannot declare ${title}`);
    const queue = new Queue({ id: host.parts.nextQueueId(), name, spec, options, owner, payer }, host);
    this.addQueue(queue);
    host.queueUsed(queue);
    const stored = queue.durable && !queue.exclusive;
    return { queue, lsn: stored ? host.store.put(queueKey(host.name, name), queueValue(queue)) : noWrite };
  }

  /** Lets the clients of one user alone have a queue from now on. */
  reserveQueue(queue: Queue, userName: string): Lsn {
    queue.reservedFor = userName;
    const stored = queue.durable && !queue.exclusive;
    return stored ? this.#host.store.put(queueKey(this.#host.name, queue.name), queueValue(queue)) : noWrite;
  }

  /** Takes a queue into the virtual host without storing it; recovery calls it for stored ones. */
  addQueue(queue: Queue): void {
    this.#host.queues.set(queue.name, queue);
    queue.payer.add(queue.accountedBytes);
    this.#host.topologyVersion++;
  }

  /** Removes a queue with its messages and bindings; its consumers are told. */
  removeQueue(queue: Queue): Lsn {
    const { lsn, consumers } = this.detachQueue(queue);
    this.tell(consumers);
    return lsn;
  }

  /** Tells consumers that their queue is gone. */
  tell(consumers: readonly Consumer[]): void {
    const { turn, store } = this.#host;
    const telling = inSlices(
      turn,
      (function* () {
        for (const consumer of consumers) {
          consumer.channel.queueDeleted(consumer);
          yield;
        }
      })(),
    );
    if (telling instanceof Promise) store.containment.watch("background", telling);
  }

  /** As `removeQueue`, but it leaves it to the caller to tell the consumers, which are no longer the queue's. */
  detachQueue(queue: Queue): { readonly lsn: Lsn; readonly consumers: readonly Consumer[] } {
    if (queue.deleted) return { lsn: noWrite, consumers: [] };
    const host = this.#host;
    const lsn = this.#remove(queue.title, () => {
      host.queues.delete(queue.name);
      queue.payer.release(queue.accountedBytes);
      host.topologyVersion++;
      if (queue.durable && !queue.exclusive) host.store.put(queueKey(host.name, queue.name), null);
      const { settling } = queue.beginPurge();
      queue.retire();
      return this.#clearing(queue, settling);
    });
    host.queueRemoved(queue);
    return { lsn, consumers: queue.consumers.removeAll() };
  }

  *#clearing(queue: Queue, settling: Generator<void, void>): Generator<void, void> {
    const deleted: Exchange[] = [];
    yield* this.#unlinking(queue.incoming, deleted);
    yield* this.#emptying(deleted);
    yield* settling;
  }

  /** Binds. The source is looked for first, so it is the one named where both are missing. Repeating is fine. */
  bind(spec: BindingSpec, payer: Payer): Lsn {
    const binding = this.#newBinding(spec, payer);
    if (binding === null) return noWrite;
    const maximum = this.#host.store.limits.bindingsPerVirtualHostMax;
    if (this.#bindingCount >= maximum) {
      throw new BrokerError("quota-exceeded", `binding limit in vhost '${this.#host.name}' (${maximum}) is reached`);
    }
    if (binding.source.type === "headers") checkHeadersArguments(spec.arguments);
    payer.admitDefinition(binding.accountedBytes, `cannot bind ${binding.destination.title}`);
    this.#link(binding);
    if (!binding.durable) return noWrite;
    return this.#host.store.put(bindingKey(this.#host.name, binding), bindingValue(binding));
  }

  /** Puts a binding in force without storing it or asking about its memory: recovery calls it for stored ones. */
  addBinding(spec: BindingSpec, payer: Payer): void {
    const binding = this.#newBinding(spec, payer);
    if (binding !== null) this.#link(binding);
  }

  /** A binding that is not in force yet, null where there is one like it. */
  #newBinding(spec: BindingSpec, payer: Payer): Binding | null {
    const { source, destination } = this.#ends(spec);
    const binding = new Binding(source, destination, spec.routingKey, spec.arguments, payer);
    return source.bindings.has(binding.id) ? null : binding;
  }

  #link(binding: Binding): void {
    const { source, destination } = binding;
    source.matcher.add(binding);
    source.bindings.set(binding.id, binding);
    destination.incoming.add(binding);
    binding.payer.add(binding.accountedBytes);
    this.#bindingCount++;
    this.#host.topologyVersion++;
  }

  /** Unbinds; a binding that does not exist is fine, and so is one of whose ends does not exist. */
  unbind(spec: BindingSpec): Lsn {
    const { source, destination, destinationKind, routingKey } = spec;
    const id = bindingId(destinationKind, destination, routingKey, spec.arguments);
    const binding = this.#host.exchange(source)?.bindings.get(id);
    if (binding === undefined) return noWrite;
    return this.#remove(binding.source.title, () => {
      const deleted: Exchange[] = [];
      this.#unlink(binding, deleted);
      return this.#emptying(deleted);
    });
  }

  #ends(spec: BindingSpec): { source: Exchange; destination: Destination } {
    const source = this.#host.requireExchange(spec.source);
    const isQueue = spec.destinationKind === "queue";
    const destination = isQueue
      ? this.#host.requireQueue(spec.destination)
      : this.#host.requireExchange(spec.destination);
    return { source, destination };
  }

  /** Takes one binding out; the last one takes an auto-delete source with it, whose own bindings are the caller's to take. */
  #unlink(binding: Binding, deleted: Exchange[]): void {
    const { source } = binding;
    if (!source.bindings.delete(binding.id)) return;
    source.matcher.remove(binding);
    binding.destination.incoming.delete(binding);
    binding.payer.release(binding.accountedBytes);
    this.#bindingCount--;
    this.#host.topologyVersion++;
    if (binding.durable) this.#host.store.put(bindingKey(this.#host.name, binding), null);
    if (!source.autoDelete || source.deleted || source.bindings.size > 0) return;
    this.#forgetExchange(source);
    deleted.push(source);
  }
}

/** Quorum queues are durable, shared and permanent (RabbitMQ's words). */
function requireQuorumShape(spec: QueueSpec, title: string): void {
  const wrong = spec.autoDelete
    ? "auto-delete"
    : spec.exclusive
      ? "exclusive-owner"
      : !spec.durable
        ? "non-durable"
        : null;
  if (wrong !== null) throw new BrokerError("precondition-failed", `invalid property '${wrong}' for ${title}`);
}
