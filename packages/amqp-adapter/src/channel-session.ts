import type { BrokerError, Channel, ChannelSink, Consumer, Message } from "@jackalope/core/adapter";
import { AmqpError, type ReplyCode, replyCodeOf, replyCodes, replyText } from "./amqp-error.ts";
import { writeConfirmation } from "./confirmation.ts";
import { fitsContentHeader, nativeForDelivery, writeContent, writeDelivery } from "./delivery.ts";
import { cannotDecode, unknownFrame } from "./frame-error.ts";
import { frameTypes } from "./codec.ts";
import { amqpFormat } from "./mapping.ts";
import { basicAck, basicCancel, basicNack, basicPublish, basicReject, basicReturn } from "./methods/basic.ts";
import { channelClose, channelCloseOk, channelOpenOk } from "./methods/channel.ts";
import { type MethodArguments, type MethodDefinition, methodKey } from "./methods/definition.ts";
import { handlerOf } from "./method-handlers.ts";
import { Publication } from "./publication.ts";
import type { Session } from "./session.ts";

/**
 * What a channel waits for. "closing": channel.close went out, everything but its answer is discarded (2.2.3).
 *
 *     method --basic.publish--> header --> body --last piece--> method
 */
type Expected = "method" | "header" | "body" | "closing";

const publishKey = methodKey(basicPublish);
const ackKey = methodKey(basicAck);
const nackKey = methodKey(basicNack);
const rejectKey = methodKey(basicReject);
const closeKey = methodKey(channelClose);
const closeOkKey = methodKey(channelCloseOk);
const basicClassId = basicPublish.classId;
/** Class and method, delivery tag, one byte of bits: basic.ack, basic.nack and basic.reject alike. */
const settlementBytes = 13;
const noRouteText = "NO_ROUTE";

/** One AMQP channel: frames in, core calls out; core calls in, frames out. */
export class ChannelSession implements ChannelSink {
  readonly session: Session;
  readonly number: number;
  readonly core: Channel;
  /** What an empty queue name means: the last queue declared here. */
  lastQueueName = "";
  #expected: Expected = "method";
  #publication: Publication | null = null;

  constructor(session: Session, number: number) {
    this.session = session;
    this.number = number;
    this.core = session.client.openChannel(this);
  }

  /** True while the answer to channel.close is awaited. */
  get closing(): boolean {
    return this.#expected === "closing";
  }

  open(paused: boolean): void {
    if (paused) this.core.pause();
    this.reply(channelOpenOk, { channelId: Buffer.alloc(0) });
  }

  /** Answers, unless the channel was closed meanwhile. */
  reply<M extends MethodDefinition>(definition: M, values: MethodArguments<M>): void {
    if (this.#expected !== "closing") this.session.send(this.number, definition, values);
  }

  pressure(over: boolean): void {
    if (over) this.core.pause();
    else this.core.resume();
  }

  // Frames

  onMethod(bytes: Buffer, start: number, end: number): void {
    if (this.#expected !== "method") return this.#onUnexpectedMethod(bytes, start, end);
    if (end - start < 4) {
      this.session.frameMethod = 0;
      throw unknownFrame(frameTypes.method, bytes, start, end);
    }
    const key =
      ((bytes[start] as number) << 24) |
      ((bytes[start + 1] as number) << 16) |
      ((bytes[start + 2] as number) << 8) |
      (bytes[start + 3] as number);
    this.session.frameMethod = key;
    if (key === publishKey) {
      this.#publication ??= new Publication(this.core, this.session);
      this.#publication.onMethod(bytes, start + 4, end);
      this.#expected = "header";
    } else if (key === ackKey || key === nackKey || key === rejectKey) this.#onSettlement(key, bytes, start, end);
    else this.#onRareMethod(key, bytes, start + 4, end);
  }

  onHeader(bytes: Buffer, start: number, end: number): void {
    if (this.#expected !== "header") return this.#onUnexpectedFrame();
    const complete = (this.#publication as Publication).onHeader(bytes, start, end);
    this.#expected = complete ? "method" : "body";
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    if (this.#expected !== "body") return this.#onUnexpectedFrame();
    if ((this.#publication as Publication).onBody(bytes, start, end)) this.#expected = "method";
  }

  #onSettlement(key: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== settlementBytes) throw cannotDecode(bytes, start + 4, end);
    const at = start + 4;
    const high = bytes.readUInt32BE(at);
    const low =
      (((bytes[at + 4] as number) << 24) |
        ((bytes[at + 5] as number) << 16) |
        ((bytes[at + 6] as number) << 8) |
        (bytes[at + 7] as number)) >>>
      0;
    const tag = high * 0x1_0000_0000 + low;
    const bits = bytes[at + 8] as number;
    const settling =
      key === ackKey
        ? this.core.ack(tag, (bits & 1) !== 0)
        : key === nackKey
          ? this.core.reject(tag, (bits & 1) !== 0, (bits & 2) !== 0, "nack")
          : this.core.reject(tag, false, (bits & 1) !== 0, "reject");
    if (settling !== null) this.session.await(settling.over);
  }

  #onRareMethod(key: number, bytes: Buffer, start: number, end: number): void {
    const handler = handlerOf(key);
    if (handler === undefined) throw new AmqpError(replyCodes.commandInvalid, "unimplemented method");
    const operation = handler(this, bytes, start, end);
    if (operation !== undefined) this.session.await(operation);
  }

  #onUnexpectedMethod(bytes: Buffer, start: number, end: number): void {
    if (this.#expected !== "closing") return this.#onUnexpectedFrame();
    if (end - start < 4) return;
    const key = bytes.readUInt32BE(start);
    // Both sides closed the channel at once: the client's close wants its answer, ours still gets one.
    if (key === closeKey) this.session.send(this.number, channelCloseOk, {});
    else if (key === closeOkKey) this.session.forgetChannel(this.number);
  }

  #onUnexpectedFrame(): void {
    const error = (text: string): AmqpError => new AmqpError(replyCodes.unexpectedFrame, text);
    switch (this.#expected) {
      case "closing":
        return;
      case "header":
        throw error(`expected content header for class ${basicClassId}, got non content header frame instead`);
      case "body":
        throw error("expected content body, got non content body frame instead");
      case "method":
        this.session.frameMethod = 0;
        throw error("expected method frame, got non method frame instead");
    }
  }

  // Ends

  /** The connection is gone. */
  release(): void {
    this.#publication?.close();
  }

  /** The client closed the channel. */
  onClose(): void {
    this.#publication?.close();
    const closing = this.core.close();
    if (closing === null) return this.#closed();
    this.#expected = "closing";
    this.session.await(closing.over.then(() => this.#closed()));
  }

  #closed(): void {
    this.reply(channelCloseOk, {});
    this.session.forgetChannel(this.number);
  }

  /** Closes the channel for a soft error and discards what comes on it until close-ok. */
  fail(reply: ReplyCode, explanation: string, failingMethod: number): void {
    if (this.#expected === "closing") return;
    const text = replyText(reply, explanation);
    this.session.logChannelEnd(this.number, reply, text, failingMethod);
    this.#expected = "closing";
    this.#publication?.close();
    this.#publication = null;
    this.core.close();
    this.session.send(this.number, channelClose, {
      replyCode: reply.code,
      replyText: text,
      failingClassId: failingMethod >>> 16,
      failingMethodId: failingMethod & 0xffff,
    });
  }

  // ChannelSink

  deliver(
    consumer: Consumer,
    message: Message,
    deliveryTag: number,
    redelivered: boolean,
    deliveryCount: number,
  ): void {
    const { wire, payloadBytesMax } = this.session;
    const template = consumer.adapterState as Uint8Array;
    if (message.format === amqpFormat && deliveryCount === 0 && fitsContentHeader(message, payloadBytesMax)) {
      const { bytes, nativeStart, nativeEnd } = message;
      writeDelivery(
        wire.outbox,
        this.number,
        template,
        message,
        bytes,
        nativeStart,
        nativeEnd,
        deliveryTag,
        redelivered,
        payloadBytesMax,
      );
      return;
    }
    const native = nativeForDelivery(message, deliveryCount, payloadBytesMax);
    writeDelivery(
      wire.outbox,
      this.number,
      template,
      message,
      native,
      0,
      native.length,
      deliveryTag,
      redelivered,
      payloadBytesMax,
    );
  }

  confirm(publishSeq: number, multiple: boolean): void {
    writeConfirmation(this.session.wire.outbox, this.number, true, publishSeq, multiple);
  }

  refuse(publishSeq: number, multiple: boolean): void {
    writeConfirmation(this.session.wire.outbox, this.number, false, publishSeq, multiple);
  }

  returned(message: Message): void {
    const { exchange, routingKey } = message.route;
    this.reply(basicReturn, { replyCode: replyCodes.noRoute.code, replyText: noRouteText, exchange, routingKey });
    const { wire, payloadBytesMax } = this.session;
    writeContent(wire.outbox, this.number, nativeForDelivery(message, 0, payloadBytesMax), message, payloadBytesMax);
    this.session.checkOutbox();
  }

  cancelled(consumer: Consumer): void {
    if (!this.session.capabilities.has("consumer_cancel_notify")) return;
    this.reply(basicCancel, { consumerTag: consumer.tag, nowait: true });
  }

  failed(error: BrokerError): void {
    const reply = replyCodeOf[error.code];
    if (reply.hard) this.session.close(reply, error.message);
    else this.fail(reply, error.message, 0);
  }
}
