import {
  type ClientConnection,
  emptyFieldTable,
  type MessageFilter,
  type Queue,
  type Transaction,
} from "@jackalope/core/adapter";
import { addressOf, type Destination, parseDestination, tempQueuePrefix } from "./destination.ts";
import { parseAckId } from "./ack-id.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import { numberOf } from "./send-facts.ts";
import {
  consumerTable,
  describesQueue,
  type Headers,
  headersOf,
  namesQueue,
  sharedQueue,
  subscriptionQueue,
  subscriptionQueueName,
  wantsDurable,
} from "./queue-parameters.ts";
import type { Session } from "./session.ts";
import { StompError } from "./stomp-error.ts";
import { selectorOf, subscriptionFilter } from "./subscription-filter.ts";
import { type AckMode, Subscription } from "./subscription.ts";

const prefetchCountMax = 65_535;
const replyQueueSpec = { durable: false, exclusive: true, autoDelete: true, arguments: emptyFieldTable };
/** Over all connections, so that a message tells from which it came. */
let lastOriginId = 0;

/**
 * Memory of a parsed selector for each of its characters, about: a comparison of seven is a tree of three nodes.
 * test/broker/topology-bytes.test.ts measures one.
 */
const selectorCharacterBytes = 50;

/** The subscriptions of one connection, with the acknowledgements of what they delivered. */
export class Subscriptions {
  /** What this connection's messages carry once a subscription must not get them; 0 before. */
  originId = 0;
  readonly #session: Session;
  readonly #client: ClientConnection;
  readonly #byKey = new Map<string, Subscription>();
  /** Those that ended with deliveries unacknowledged are still here. */
  readonly #byNumber = new Map<number, Subscription>();
  /** Reply queues by the name behind `/temp-queue/`. */
  readonly #replyQueues = new Map<string, string>();
  /** Queues that a SUBSCRIBE of this connection declared: only the first one's headers count. */
  readonly #declared = new Set<string>();
  #lastNumber = 0;
  /** Made, and not told to the client yet. */
  #starting: (() => void) | null = null;

  constructor(session: Session, client: ClientConnection) {
    this.#session = session;
    this.#client = client;
  }

  /** Bytes that wait in the queues of this connection alone. */
  get ownQueueBytes(): number {
    let bytes = 0;
    for (const { spec } of this.#byKey.values()) if (spec.ownsQueue) bytes += spec.queue.ready.bodyBytes;
    return bytes;
  }

  pressure(over: boolean): void {
    for (const { channel } of this.#byNumber.values()) {
      if (over) channel.pause();
      else channel.resume();
    }
  }

  /** SUBSCRIBE. Messages flow when `start` is called, so that the receipt comes first. */
  async subscribe(head: FrameHead): Promise<void> {
    const session = this.#session;
    const text = head.get(headerNames.destination);
    if (text === undefined) {
      throw new StompError("Missing destination", "'SUBSCRIBE' must include a 'destination' header\n");
    }
    const headers = headersOf(head);
    requireIdOfDurable(headers);
    const destination = parseDestination(text);
    if (destination.kind === "temp-queue") {
      throw new StompError("Invalid destination", `'${text}' is not a valid destination for 'SUBSCRIBE'\n`);
    }
    const id = headers.get("id") ?? null;
    const key = this.#claimKey(id, text);
    const ackMode = ackModeOf(headers);
    const prefetchCount = numberOf(head, headerNames.prefetchCount, prefetchCountMax) ?? 0;
    const filter = this.#filterOf(headers, destination.kind === "topic" || destination.kind === "exchange");
    const queue = await this.#sourceQueue(destination, headers);
    if (session.state !== "running") return;
    const ownsQueue = destination.kind === "topic" || destination.kind === "exchange";
    const number = ++this.#lastNumber;
    const spec = { number, key, id, ackMode, prefetchCount, queue, ownsQueue };
    const subscription = new Subscription(session, this.#client, spec, (ended) => this.#onCancelled(ended));
    this.#consume(subscription, headers, filter);
  }

  #filterOf(headers: Headers, ownsQueue: boolean): MessageFilter | undefined {
    const text = headers.get("selector");
    const noLocal = headers.get("no-local") === "true";
    if (!noLocal && (text === undefined || text.trim() === "")) return undefined;
    const selector = text === undefined ? null : selectorOf(text, this.#session.wire.host.limits.selectorLengthMax);
    if (noLocal && this.originId === 0) this.originId = ++lastOriginId;
    return subscriptionFilter(selector, noLocal ? this.originId : 0, ownsQueue);
  }

  /** The client has been told of its new subscription. */
  start(): void {
    this.#starting?.();
    this.#starting = null;
  }

  /** UNSUBSCRIBE. What is unacknowledged may still be acknowledged. */
  unsubscribe(head: FrameHead): Promise<void> | undefined {
    const headers = headersOf(head);
    requireIdOfDurable(headers);
    const id = headers.get("id");
    const destination = headers.get("destination");
    if (id?.startsWith(tempQueuePrefix) === true) throw tempQueueId("UNSUBSCRIBE");
    if (id === undefined && destination === undefined) {
      const text = "UNSUBSCRIBE must include a 'destination' or 'id' header\n";
      throw new StompError("Missing destination or id", text);
    }
    const subscription = this.#byKey.get(keyOf(id ?? null, destination ?? ""));
    if (subscription === undefined) {
      const what = id === undefined ? `destination='${destination ?? ""}'` : `id='${id}'`;
      const text = `UNSUBSCRIBE must refer to an existing subscription.\nSubscription to ${what} not found.\n`;
      throw new StompError("No subscription found", text);
    }
    this.#forget(subscription);
    const { queue, ownsQueue } = subscription.spec;
    const closing = subscription.channel.closed ? subscription.channel.close()?.over : undefined;
    // A durable subscription ends for good where the client says so.
    if (!ownsQueue || !wantsDurable(headers) || queue.deleted) return closing;
    const deleting = this.#client.deleteQueue(queue.name, false, false).then(() => undefined);
    return closing === undefined ? deleting : Promise.all([closing, deleting]).then(() => undefined);
  }

  /** ACK and NACK, now or with `transaction`. */
  settle(head: FrameHead, transaction: Transaction | null): Promise<void> | undefined {
    const line = this.#ackLine(head);
    const ackId = parseAckId(head.bytes, head.valueStart(line), head.valueEnd(line), this.#session.id);
    if (ackId === null) throw invalidAckId(head);
    const subscription = this.#byNumber.get(ackId.subscription);
    if (subscription === undefined) {
      throw new StompError("Subscription not found", `Message with id '${head.value(line)}' has no subscription\n`);
    }
    const { channel, spec } = subscription;
    // STOMP 1.2 "SUBSCRIBE ack Header": client is cumulative, for NACK too.
    const cumulative = spec.ackMode === "client";
    const settling =
      head.command === "ACK"
        ? channel.ack(ackId.deliveryTag, cumulative, transaction)
        : channel.reject(ackId.deliveryTag, cumulative, head.get(headerNames.requeue) !== "false", "nack", transaction);
    if (settling !== null) return settling.over.then(() => this.#settled(subscription, transaction));
    this.#settled(subscription, transaction);
    return undefined;
  }

  #settled(subscription: Subscription, transaction: Transaction | null): void {
    if (transaction === null && subscription.finished) this.#close(subscription);
  }

  #ackLine(head: FrameHead): number {
    const isNew = head.version === "1.2";
    const name = isNew ? headerNames.id : headerNames.messageId;
    const line = head.find(name);
    if (line >= 0) return line;
    const otherLine = head.find(isNew ? headerNames.messageId : headerNames.id);
    if (otherLine >= 0) return otherLine;
    throw new StompError("Missing header", `"${head.command}" must include the "${name.toString()}" header\n`);
  }

  /** The destination of the reply queue that this connection calls `name`; it is made at its first use. */
  async replyDestination(name: string): Promise<string> {
    const known = this.#replyQueues.get(name);
    if (known !== undefined) return known;
    if (this.#replyQueues.size >= this.#session.wire.host.limits.replyQueuesMax) {
      throw new StompError("Invalid destination", `More than ${this.#replyQueues.size} reply queues are not allowed\n`);
    }
    const queue = await this.#client.declareQueue("", replyQueueSpec);
    const id = tempQueuePrefix + name;
    const spec = {
      number: ++this.#lastNumber,
      key: keyOf(id, ""),
      id,
      ackMode: "auto",
      prefetchCount: 0,
      queue,
      ownsQueue: true,
    } as const;
    const subscription = new Subscription(this.#session, this.#client, spec, (ended) => this.#onCancelled(ended));
    this.#consume(subscription, new Map(), undefined);
    this.start();
    const destination = `/reply-queue/${queue.name}`;
    this.#replyQueues.set(name, destination);
    return destination;
  }

  #consume(subscription: Subscription, headers: Headers, filter: MessageFilter | undefined): void {
    const { spec, channel } = subscription;
    const consumer = channel.consume(spec.queue.name, {
      tag: subscription.consumerTag,
      noAck: spec.ackMode === "auto",
      exclusive: false,
      arguments: consumerTable(headers),
      filter,
      heldBytes: (headers.get("selector")?.length ?? 0) * selectorCharacterBytes,
    });
    this.#byKey.set(spec.key, subscription);
    this.#byNumber.set(spec.number, subscription);
    this.#starting = () => consumer.start();
  }

  #claimKey(id: string | null, destination: string): string {
    if (id?.startsWith(tempQueuePrefix) === true) throw tempQueueId("SUBSCRIBE");
    const key = keyOf(id, destination);
    if (this.#byKey.has(key)) {
      const text = `A subscription identified by '${id ?? destination}' already exists.\n`;
      throw new StompError("Duplicated subscription identifier", text);
    }
    const maximum = this.#session.wire.host.limits.subscriptionsMax;
    if (this.#byNumber.size >= maximum) {
      throw new StompError("Too many subscriptions", `More than ${maximum} subscriptions are not allowed\n`);
    }
    return key;
  }

  async #sourceQueue(destination: Destination, headers: Headers): Promise<Queue> {
    const client = this.#client;
    const { exchange, routingKey } = addressOf(destination);
    if (destination.kind === "topic" || destination.kind === "exchange") {
      // Looked for first: a durable queue must not stay behind where the binding fails.
      client.checkExchange(exchange);
      const name = subscriptionQueueName(headers, routingKey);
      // One that is found again by destination and id, which others may use as well.
      const reservedFor = wantsDurable(headers) && !namesQueue(headers) ? client.user.name : null;
      const queue = await client.declareQueue(name, { ...subscriptionQueue(headers), reservedFor });
      const binding = { source: exchange, destination: queue.name, destinationKind: "queue", routingKey } as const;
      await client.bind({ ...binding, arguments: emptyFieldTable });
      return queue;
    }
    const existing = client.virtualHost.queues.get(routingKey);
    if (destination.kind === "queue") {
      const settled = this.#declared.has(routingKey) || !describesQueue(headers);
      if (existing === undefined || !settled) {
        const queue = await client.declareQueue(routingKey, sharedQueue(headers));
        this.#declared.add(routingKey);
        return queue;
      }
    }
    return client.readableQueue(routingKey);
  }

  #onCancelled(subscription: Subscription): void {
    const { id, key } = subscription.spec;
    if (!this.#forget(subscription) || this.#session.state !== "running") return;
    const what = id === null ? `destination='${key.slice(1)}'` : `id='${id}'`;
    const text = `The server has canceled a subscription.\nNo more messages will be delivered for ${what}.\n`;
    this.#session.wire.host.logger.info(
      { peer: this.#session.peer, subscription: id ?? key, queue: subscription.spec.queue.name },
      "subscription cancelled: its queue is gone",
    );
    this.#session.sendError("Server cancelled subscription", text, [["subscription", id ?? key.slice(1)]]);
  }

  /** Ends a subscription; false where it had ended before. */
  #forget(subscription: Subscription): boolean {
    const { key, id } = subscription.spec;
    if (this.#byKey.get(key) !== subscription) return false;
    this.#byKey.delete(key);
    if (id !== null && id.startsWith(tempQueuePrefix)) this.#replyQueues.delete(id.slice(tempQueuePrefix.length));
    subscription.cancel();
    if (subscription.finished) this.#close(subscription);
    return true;
  }

  #close(subscription: Subscription): void {
    this.#byNumber.delete(subscription.spec.number);
    subscription.channel.close();
  }
}

/** Ids and destinations do not meet: a subscription without id goes by the latter. */
function keyOf(id: string | null, destination: string): string {
  return id === null ? `Q${destination}` : `T${id}`;
}

function ackModeOf(headers: Headers): AckMode {
  const mode = headers.get("ack") ?? "auto";
  if (mode === "auto" || mode === "client" || mode === "client-individual") return mode;
  throw new StompError("Invalid header", `'ack' must be auto, client or client-individual. Got '${mode}'\n`);
}

function requireIdOfDurable(headers: Headers): void {
  if (!wantsDurable(headers) || headers.has("id")) return;
  throw new StompError("Missing Header", "Header 'id' is required for durable subscriptions\n");
}

function tempQueueId(command: string): StompError {
  return new StompError("Invalid id", `${command} 'id' may not start with ${tempQueuePrefix}\n`);
}

function invalidAckId(head: FrameHead): StompError {
  const name = head.version === "1.2" ? "id" : "message-id";
  return new StompError("Invalid header", `"${head.command}" must include a valid "${name}" header\n`);
}
