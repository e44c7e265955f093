import type { UserDirectory } from "./auth/user-directory.ts";
import { type DefinitionKey, parseBinding, parseDefinitionKey, parseExchange, parseQueue } from "./definitions.ts";
import { Exchange, isExchangeType } from "./exchange/exchange.ts";
import { Queue } from "./queue/queue.ts";
import { readQueueArguments } from "./queue/queue-arguments.ts";
import { recordKind } from "./records.ts";
import type { Lsn, RecoveryVisitor, StoredMessage } from "./storage-engine.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** What recovery fills. */
export interface RecoveryTarget {
  readonly users: UserDirectory;
  addVirtualHost(name: string): VirtualHost;
  virtualHost(name: string): VirtualHost | undefined;
  /** The highest queue id in use, so that no new queue takes an old one's messages. */
  queueIdSeen(id: number): void;
}

/** Definitions in the order in which they can be taken over: what is referred to comes first. */
const order = ["vhost", "user", "permission", "topic-permission", "exchange", "queue", "binding", recordKind];

/** Rebuilds virtual hosts, users, topology and queue contents from what the engine remembers. */
export class Recovery implements RecoveryVisitor {
  readonly #target: RecoveryTarget;
  readonly #definitions: { key: DefinitionKey; value: Uint8Array }[] = [];
  readonly #queues = new Map<number, Queue>();
  readonly #hosts = new Map<Queue, VirtualHost>();
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
    for (const { key, value } of this.#definitions) this.#take(key, value);
    this.#definitions.length = 0;
  }

  /** Starts what writes: timers that a restored queue needs. Only after the engine has recovered. */
  begin(): void {
    for (const [queue, host] of this.#hosts) {
      queue.dropExpired();
      host.queueUsed(queue);
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
    if (host === undefined) return;
    if (kind === "exchange") this.#takeExchange(host, name, value);
    else if (kind === "queue") this.#takeQueue(host, name, value);
    else if (kind === recordKind) host.records.restore(name, key[3] ?? "", value);
    else if (kind === "binding") host.topology.addBinding(parseBinding(key, value));
  }

  #takeExchange(host: VirtualHost, name: string, value: Uint8Array): void {
    const spec = parseExchange(value);
    if (!isExchangeType(spec.type)) throw new Error(`stored exchange '${name}' has the unknown type '${spec.type}'`);
    host.topology.addExchange(new Exchange(host.name, name, spec.type, spec));
  }

  #takeQueue(host: VirtualHost, name: string, value: Uint8Array): void {
    const { id, spec } = parseQueue(value);
    const options = readQueueArguments(spec.arguments, name, host.name);
    const queue = new Queue({ id, name, spec, options, owner: null }, host);
    host.topology.addQueue(queue);
    this.#queues.set(id, queue);
    this.#hosts.set(queue, host);
    this.#target.queueIdSeen(id);
  }
}
