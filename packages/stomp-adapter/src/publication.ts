import { type Channel, type ClientConnection, Message, type Route, type Transaction } from "@jackalope/core/adapter";
import { addressOf, parseDestination, tempQueuePrefix } from "./destination.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import { stompFormat } from "./mapping.ts";
import { NativeHeaders } from "./native-headers.ts";
import { SendFacts } from "./send-facts.ts";
import type { SendTemplate } from "./send-template.ts";
import type { Session } from "./session.ts";
import { queueArgumentsOfSend } from "./queue-parameters.ts";
import { StompError } from "./stomp-error.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Transactions } from "./transactions.ts";

/** Where the SENDs with one destination header go. */
interface Target {
  readonly exchange: string;
  readonly routingKey: string;
  /** The queue is declared where it does not exist. */
  readonly declares: boolean;
}

/** Destinations remembered; all are forgotten when there are more. */
const targetsMax = 1024;

/** The publishing side of one connection. */
export class Publication {
  readonly #session: Session;
  readonly #client: ClientConnection;
  readonly #channel: Channel;
  readonly #subscriptions: Subscriptions;
  readonly #transactions: Transactions;
  readonly #template: SendTemplate;
  readonly #facts = new SendFacts();
  readonly #native = new NativeHeaders();
  /** By the destination header as it stands in the frame. */
  #targets = new Map<string, Target>();
  /** The route of the template. */
  #route: Route | null = null;
  #publishSeq = 0;

  constructor(
    session: Session,
    client: ClientConnection,
    channel: Channel,
    subscriptions: Subscriptions,
    transactions: Transactions,
  ) {
    this.#session = session;
    this.#client = client;
    this.#channel = channel;
    this.#subscriptions = subscriptions;
    this.#transactions = transactions;
    this.#template = session.wire.decoder.template;
  }

  /** A SEND like the last one. */
  onRepeated(template: SendTemplate, bodyEnd: number): Promise<void> | undefined {
    const route = this.#route as Route;
    const { bytes, bodyStart } = template;
    if (!this.#channel.stillValid(route)) return this.#readAnew(template, bodyEnd);
    const message = new Message(
      route,
      stompFormat,
      bytes,
      template.nativeStart,
      template.nativeEnd,
      bodyStart,
      bodyEnd,
    );
    if (template.receiptStart < 0) this.#publish(message, null);
    else this.#publish(message, bytes.toString("latin1", template.receiptStart, template.receiptEnd));
    return undefined;
  }

  /** Topology or permissions changed since the route was found. */
  #readAnew(template: SendTemplate, bodyEnd: number): Promise<void> | undefined {
    const { head } = this.#session.wire.decoder;
    const { bytes, start, bodyStart } = template;
    template.forget();
    head.read(bytes, start, bodyEnd, this.#session.wire.host.limits);
    return this.onSend(head, bodyStart, bodyEnd);
  }

  /** Any SEND. Throws what is wrong with it; a promise where a queue has to be made first. */
  onSend(head: FrameHead, bodyStart: number, bodyEnd: number): Promise<void> | undefined {
    const target = this.#target(head);
    const transaction = this.#transactions.of(head);
    const replyQueue = replyQueueOf(head);
    const mustDeclare = target.declares && !this.#client.virtualHost.queues.has(target.routingKey);
    if (!mustDeclare && replyQueue === null) {
      this.#sendNow(head, bodyStart, bodyEnd, target, transaction, null);
      return undefined;
    }
    return this.#prepareAndSend(head, bodyStart, bodyEnd, target, transaction, replyQueue);
  }

  async #prepareAndSend(
    head: FrameHead,
    bodyStart: number,
    bodyEnd: number,
    target: Target,
    transaction: Transaction | null,
    replyQueue: string | null,
  ): Promise<void> {
    const queues = this.#client.virtualHost.queues;
    if (target.declares && !queues.has(target.routingKey)) {
      await this.#client.declareQueue(target.routingKey, queueArgumentsOfSend(head));
    }
    const replyTo = replyQueue === null ? null : await this.#subscriptions.replyDestination(replyQueue);
    if (this.#session.state === "running") this.#sendNow(head, bodyStart, bodyEnd, target, transaction, replyTo);
  }

  #target(head: FrameHead): Target {
    const line = head.find(headerNames.destination);
    if (line < 0) throw new StompError("Missing destination", "'SEND' must include a 'destination' header\n");
    if (head.find(headerNames.messageId) >= 0) {
      throw new StompError("Invalid header", "'message-id' is not allowed on 'SEND'.\n");
    }
    const key = head.raw(line);
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    const text = head.value(line);
    const destination = parseDestination(text);
    if (destination.kind === "temp-queue") {
      throw new StompError("Invalid destination", `'${text}' is not a valid destination for 'SEND'\n`);
    }
    const target = { ...addressOf(destination), declares: destination.kind === "queue" };
    if (this.#targets.size >= targetsMax) this.#targets = new Map();
    this.#targets.set(key, target);
    return target;
  }

  #sendNow(
    head: FrameHead,
    bodyStart: number,
    bodyEnd: number,
    target: Target,
    transaction: Transaction | null,
    replyTo: string | null,
  ): void {
    const session = this.#session;
    const route = this.#channel.route(target.exchange, target.routingKey);
    this.#facts.read(head, session.userName, session.impersonator);
    const native = this.#native;
    native.find(head, replyTo);
    const { rewritten } = native;
    const message =
      rewritten === null
        ? new Message(route, stompFormat, head.bytes, native.start, native.end, bodyStart, bodyEnd)
        : joined(route, rewritten, head.bytes, bodyStart, bodyEnd);
    if (rewritten !== null || transaction !== null) this.#template.forget();
    else {
      this.#template.learn(head, native.start, native.end);
      this.#route = route;
    }
    const receiptLine = head.find(headerNames.receipt);
    const receipt = receiptLine < 0 ? null : head.raw(receiptLine);
    if (transaction === null) this.#publish(message, receipt);
    else this.#buffer(message, transaction, receipt);
  }

  /** Published with the transaction; its receipt tells that it is part of it. */
  #buffer(message: Message, transaction: Transaction, receipt: string | null): void {
    this.#fill(message);
    transaction.publish(message.route, message, false, undefined);
    if (receipt !== null) this.#session.receipts.now(receipt);
  }

  #publish(message: Message, receipt: string | null): void {
    const channel = this.#channel;
    const session = this.#session;
    this.#fill(message);
    session.published = true;
    // Who wants no receipt needs no confirms; from the first receipt on every publish is counted.
    if (receipt !== null && !channel.confirming) channel.confirmSelect();
    if (channel.confirming) {
      this.#publishSeq++;
      if (receipt !== null) session.receipts.afterPublish(this.#publishSeq, receipt);
    }
    channel.publish(message.route, message, false);
  }

  #fill(message: Message): void {
    const facts = this.#facts;
    message.persistent = facts.persistent;
    message.priority = facts.priority;
    message.expirationMs = facts.expirationMs;
    if (this.#subscriptions.originId !== 0) message.originId = this.#subscriptions.originId;
  }
}

/** The name of the reply queue that a SEND asks for, or null. */
function replyQueueOf(head: FrameHead): string | null {
  const replyTo = head.get(headerNames.replyTo);
  if (replyTo === undefined || !replyTo.startsWith(tempQueuePrefix)) return null;
  const destination = parseDestination(replyTo);
  return destination.kind === "temp-queue" ? destination.name : null;
}

/** A message whose headers do not stand before its body in the frame. */
function joined(route: Route, native: Buffer, bytes: Buffer, bodyStart: number, bodyEnd: number): Message {
  const nativeBytes = native.length;
  const own = Buffer.allocUnsafe(nativeBytes + bodyEnd - bodyStart);
  native.copy(own, 0);
  bytes.copy(own, nativeBytes, bodyStart, bodyEnd);
  const message = new Message(route, stompFormat, own, 0, nativeBytes, nativeBytes, own.length);
  message.owned = true;
  return message;
}
