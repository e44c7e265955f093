import type { UserDirectory } from "./auth/user-directory.ts";
import type { Containment } from "./containment.ts";
import {
  type DefinitionKey,
  definitionKey,
  exchangeValue,
  parseBinding,
  parseDefinitionKey,
  parseExchange,
  parseQueue,
  queueValue,
} from "./definitions.ts";
import { BrokerError } from "./errors.ts";
import { Exchange, isExchangeType } from "./exchange/exchange.ts";
import { type FieldTable, withField } from "./field-value.ts";
import { Queue } from "./queue/queue.ts";
import { ArgumentError, readQueueArguments } from "./queue/queue-arguments.ts";
import { recordKind } from "./records.ts";
import type { Lsn, RecoveryVisitor, StoredMessage } from "./storage-engine.ts";
import type { Store } from "./store.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** What recovery fills. */
export interface RecoveryTarget {
  readonly users: UserDirectory;
  readonly store: Store;
  readonly containment: Containment;
  addVirtualHost(name: string): VirtualHost;
  virtualHost(name: string): VirtualHost | undefined;
  /** The highest queue id in use, so that no new queue takes an old one's messages. */
  queueIdSeen(id: number): void;
}

/** Definitions in the order in which they can be taken over: what is referred to comes first. */
const order = ["vhost", "user", "permission", "topic-permission", "exchange", "queue", "binding", recordKind];

/** Definitions that are a virtual host's, and go with it. */
const ofVirtualHost: ReadonlySet<string> = new Set(["exchange", "queue", "binding", recordKind]);

/** Of a key in an error's text. */
const shownKeyLength = 256;

/** Rebuilds virtual hosts, users, topology and queue contents from what the engine remembers. */
export class Recovery implements RecoveryVisitor {
  readonly #target: RecoveryTarget;
  readonly #definitions: { key: DefinitionKey; value: Uint8Array }[] = [];
  readonly #queues = new Map<number, Queue>();
  readonly #hosts = new Map<Queue, VirtualHost>();
  /** Definitions as they are to be stored instead, null for not at all. */
  readonly #mended: { readonly key: string; readonly value: Uint8Array | null }[] = [];
  #built = false;
  messageCount = 0;
  /** Messages of queues that are gone: to be settled once the engine takes writes. */
  readonly orphans: { queueId: number; lsn: Lsn }[] = [];

  constructor(target: RecoveryTarget) {
    this.#target = target;
  }

  definition(key: string, value: Uint8Array): void {
    this.#definitions.push({ key: parseDefinitionKey(key), value });
  }

  message(message: StoredMessage): void {
    this.build();
    this.messageCount++;
    for (const queueId of message.queueIds) {
      const queue = this.#queues.get(queueId);
      if (queue === undefined) this.orphans.push({ queueId, lsn: message.lsn });
      else queue.restore(message);
    }
  }

  /** Makes what the definitions say, once. Called by the first message, and after the last for stores without any. */
  build(): void {
    if (this.#built) return;
    this.#built = true;
    const rank = (kind: string): number => order.indexOf(kind);
    this.#definitions.sort((left, right) => rank(left.key[0]) - rank(right.key[0]));
    // What has been made is let go of at once: a start needs no more memory than it must.
    this.#definitions.reverse();
    for (let each = this.#definitions.pop(); each !== undefined; each = this.#definitions.pop()) {
      this.#takeNamed(each.key, each.value);
    }
  }

  /** As `#take`; where that fails the error says which definition it is about. */
  #takeNamed(key: DefinitionKey, value: Uint8Array): void {
    try {
      this.#take(key, value);
    } catch (error) {
      const name = JSON.stringify(key).slice(0, shownKeyLength);
      throw new Error(`the stored definition ${name} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Starts what writes: mended definitions, timers that a restored queue needs. Only after the engine has recovered. Each
   * queue begins for itself.
   */
  begin(): void {
    for (const { key, value } of this.#mended.splice(0)) this.#target.store.put(key, value);
    for (const [queue, host] of this.#hosts) {
      this.#target.containment.run("recovery", () => {
        queue.expiry.drop();
        host.queueUsed(queue);
      });
    }
  }

  #take(key: DefinitionKey, value: Uint8Array): void {
    const [kind, virtualHost = "", name = ""] = key;
    if (kind === "vhost") {
      this.#target.addVirtualHost(virtualHost);
      return;
    }
    if (this.#target.users.restore(key, value)) return;
    const host = this.#target.virtualHost(virtualHost);
    if (host === undefined) {
      // It was deleted, and the broker ended before this was taken out: one of the same name must not find it.
      if (ofVirtualHost.has(kind)) this.#mended.push({ key: definitionKey(...key), value: null });
      return;
    }
    if (kind === "exchange") this.#takeExchange(host, name, value);
    else if (kind === "queue") this.#takeQueue(host, name, value);
    else if (kind === recordKind) host.records.restore(name, key[3] ?? "", value);
    else if (kind === "binding") this.#takeBinding(host, key, value);
  }

  #takeExchange(host: VirtualHost, name: string, value: Uint8Array): void {
    const { spec, madeBy } = parseExchange(value);
    const { type } = spec;
    if (!isExchangeType(type)) throw new Error(`stored exchange '${name}' has the unknown type '${type}'`);
    const { made, mended } = this.#mend(host, spec.arguments, (args) => {
      return new Exchange(host.name, name, type, { ...spec, arguments: args }, host.payer(madeBy));
    });
    host.topology.addExchange(made);
    if (mended) this.#mended.push({ key: definitionKey("exchange", host.name, name), value: exchangeValue(made) });
  }

  #takeQueue(host: VirtualHost, name: string, value: Uint8Array): void {
    const { id, spec, madeBy } = parseQueue(value);
    const payer = host.payer(madeBy);
    const { made: queue, mended } = this.#mend(host, spec.arguments, (args) => {
      const options = readQueueArguments(args, name, host.name);
      return new Queue({ id, name, spec: { ...spec, arguments: args }, options, owner: null, payer }, host);
    });
    host.topology.addQueue(queue);
    this.#queues.set(id, queue);
    this.#hosts.set(queue, host);
    this.#target.queueIdSeen(id);
    if (mended) this.#mended.push({ key: definitionKey("queue", host.name, name), value: queueValue(queue) });
  }

  #takeBinding(host: VirtualHost, key: DefinitionKey, value: Uint8Array): void {
    try {
      const { spec, madeBy } = parseBinding(key, value);
      host.topology.addBinding(spec, host.payer(madeBy));
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      // Nothing hangs on a binding: without it the broker is there, and messages are where they were.
      host.logger.warn({ vhost: host.name, reason: error.message }, "a stored binding cannot be made and is removed");
      this.#mended.push({ key: definitionKey(...key), value: null });
    }
  }

  /** What an earlier version accepted and this one would not: arguments that cannot be are left out, one by one. */
  #mend<Made>(host: VirtualHost, args: FieldTable, make: (args: FieldTable) => Made): { made: Made; mended: boolean } {
    let rest = args;
    for (;;) {
      try {
        return { made: make(rest), mended: rest !== args };
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        const fields = { vhost: host.name, argument: error.argument, reason: error.message };
        host.logger.warn(fields, "a stored definition has an argument that cannot be: it goes on without it");
        rest = withField(rest, error.argument, null);
      }
    }
  }
}
