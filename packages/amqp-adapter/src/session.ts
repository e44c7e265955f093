import {
  awaitOperation,
  BrokerError,
  type ClientConnection,
  PublisherThrottle,
  Tab,
  type UnderWay,
  type User,
} from "@jackalope/core/adapter";
import { AmqpError, type ReplyCode, replyCodeOf, replyCodes, replyText } from "./amqp-error.ts";
import { ChannelSession } from "./channel-session.ts";
import { type FrameHandler, frameHeaderBytes, frameTypes, writeMethod } from "./codec.ts";
import type { AmqpConnection } from "./connection.ts";
import { unexpectedFrame, unknownFrame } from "./frame-error.ts";
import { frameKind } from "./frame-kind.ts";
import { Handshake } from "./handshake.ts";
import { methodOf } from "./methods/all.ts";
import { channelOpen } from "./methods/channel.ts";
import {
  connectionBlocked,
  connectionClose,
  connectionCloseOk,
  connectionUnblocked,
  connectionUpdateSecret,
  connectionUpdateSecretOk,
} from "./methods/connection.ts";
import { type MethodArguments, type MethodDefinition, methodKey } from "./methods/definition.ts";
import { decodeArguments } from "./methods/method-codec.ts";
import type { PublisherContext } from "./publication.ts";
import { RecentRoutes } from "./recent-routes.ts";

/**
 * Where a connection stands; the first four words are RabbitMQ's, for its texts.
 *
 *     starting -> tuning -> opening -> running -> closing -> closed
 *         any of them ----------------------------^
 */
export type SessionState = "starting" | "tuning" | "opening" | "running" | "closing" | "closed";

const impersonatorTag = "impersonator";
const channelOpenKey = methodKey(channelOpen);
const closeKey = methodKey(connectionClose);
const closeOkKey = methodKey(connectionCloseOk);
const updateSecretKey = methodKey(connectionUpdateSecret);
const shutdownText = "broker forced connection closure with reason 'shutdown'";

/** The state machine of one connection: negotiation, channels, and the end. */
export class Session implements FrameHandler, PublisherContext {
  readonly wire: AmqpConnection;
  state: SessionState = "starting";
  /** Largest payload of one frame to this client. */
  payloadBytesMax = 0;
  channelsMax = 0;
  /** What the client said it can: keys of its capabilities that are true. */
  capabilities: ReadonlySet<string> = new Set();
  published = false;
  userName = "";
  impersonator = false;
  readonly messageBytesMax: number;
  routes: RecentRoutes = new RecentRoutes();
  #client: ClientConnection | null = null;
  #handshake: Handshake | null;
  readonly #channels = new Map<number, ChannelSession>();
  /** The channel of the last frame: most connections use one at a time. */
  #lastNumber = 0;
  #lastChannel: ChannelSession | null = null;
  /** Channel and method of the frame at hand, for errors. */
  #frameChannel = 0;
  frameMethod = 0;
  /** Null before the first publish, and before the first alarm. */
  #throttle: PublisherThrottle | null = null;
  /** The same while an alarm is on: it is shown every frame. */
  #hold: PublisherThrottle | null = null;
  #overOutbox = false;

  constructor(wire: AmqpConnection) {
    this.wire = wire;
    this.messageBytesMax = wire.host.broker.limits.messageBytesMax;
    this.#handshake = new Handshake(this);
  }

  /** The client's connection to the broker. Throws before connection.open. */
  get client(): ClientConnection {
    if (this.#client === null) throw new Error("no client connection before connection.open");
    return this.#client;
  }

  /** The protocol header was right. */
  begin(): void {
    this.#handshake?.start();
  }

  /** connection.open was granted. */
  opened(client: ClientConnection): void {
    this.#client = client;
    this.routes = new RecentRoutes(new Tab(client.payer));
    this.#handshake = null;
    this.state = "running";
    this.setUser(client.user);
    this.wire.established();
    this.throttle();
  }

  setUser(user: User): void {
    this.userName = user.name;
    this.impersonator = user.tags.includes(impersonatorTag);
  }

  // Frames

  onFrame(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    this.#frameChannel = channelNumber;
    if (this.#hold !== null && this.#isHeld(this.#hold, type, channelNumber, bytes, start, end)) return;
    if (channelNumber === 0 || this.state !== "running") return this.#onControl(type, channelNumber, bytes, start, end);
    if (channelNumber !== this.#lastNumber) this.#select(channelNumber);
    const channel = this.#lastChannel;
    if (type > frameTypes.body || type === 0) this.#refuseType(type, channelNumber, bytes, start, end);
    if (channel === null) return this.#openChannel(type, channelNumber, bytes, start, end);
    if (type === frameTypes.method) channel.onMethod(bytes, start, end);
    else if (type === frameTypes.header) channel.onHeader(bytes, start, end);
    else channel.onBody(bytes, start, end);
  }

  #isHeld(
    hold: PublisherThrottle,
    type: number,
    channelNumber: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.state !== "running") return false;
    const channel = this.#channels.get(channelNumber) ?? null;
    const kind = frameKind(type, channel, bytes, start, end);
    return hold.holds(kind, channelNumber, bytes, start - frameHeaderBytes, end + 1);
  }

  #select(channelNumber: number): void {
    this.#lastNumber = channelNumber;
    this.#lastChannel = this.#channels.get(channelNumber) ?? null;
  }

  #refuseType(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    this.frameMethod = 0;
    if (type !== frameTypes.heartbeat || end !== start) throw unknownFrame(type, bytes, start, end);
    // 4.2.7: heartbeats belong to channel 0.
    if (channelNumber !== 0) throw unexpectedFrame(type, bytes, start, end);
  }

  #openChannel(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    this.frameMethod = 0;
    if (type !== frameTypes.method) {
      const text = "expected method frame, got non method frame instead";
      throw new AmqpError(replyCodes.unexpectedFrame, text);
    }
    this.#readKey(bytes, start, end);
    const count = this.#channels.size;
    if (count >= this.channelsMax) {
      this.frameMethod = 0;
      const text = `number of channels opened (${count}) has reached the negotiated channel_max (${this.channelsMax})`;
      throw new AmqpError(replyCodes.notAllowed, text);
    }
    if (this.frameMethod !== channelOpenKey) throw new AmqpError(replyCodes.channelError, "expected 'channel.open'");
    decodeArguments(channelOpen, bytes, start + 4, end);
    const channel = new ChannelSession(this, channelNumber);
    this.#channels.set(channelNumber, channel);
    this.#lastChannel = channel;
    channel.open(this.#overOutbox);
  }

  #readKey(bytes: Buffer, start: number, end: number): number {
    this.frameMethod = 0;
    if (end - start < 4) throw unknownFrame(frameTypes.method, bytes, start, end);
    this.frameMethod = bytes.readUInt32BE(start);
    return this.frameMethod;
  }

  /** Frames on channel 0, and all frames outside of `running`. */
  #onControl(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    if (this.state === "closing") return this.#onClosingFrame(type, channelNumber, bytes, start, end);
    if (this.state === "closed") return;
    if (type > frameTypes.body || type === 0) return this.#refuseType(type, channelNumber, bytes, start, end);
    this.frameMethod = 0;
    if (type !== frameTypes.method) throw unexpectedFrame(type, bytes, start, end);
    const key = this.#readKey(bytes, start, end);
    if (channelNumber === 0) {
      if (key === closeKey) return this.#onClose(bytes, start, end);
      if (this.#handshake !== null && this.#handshake.onMethod(key, bytes, start + 4, end)) return;
      if (this.state === "running" && key === updateSecretKey) return this.#onUpdateSecret(bytes, start + 4, end);
    }
    throw new AmqpError(replyCodes.channelError, `unexpected method in connection state ${this.state}`);
  }

  #onClosingFrame(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    if (type !== frameTypes.method || channelNumber !== 0 || end - start < 4) return;
    const key = bytes.readUInt32BE(start);
    // Both sides closed at once: 2.2.4 wants an answer to each.
    if (key === closeKey) writeMethod(this.wire.outbox, 0, connectionCloseOk, {});
    if (key === closeKey || key === closeOkKey) this.#finish();
  }

  #onClose(bytes: Buffer, start: number, end: number): void {
    decodeArguments(connectionClose, bytes, start + 4, end);
    this.wire.stream.log.closed("client", "connection.close");
    // Whoever has the answer may rely on what the connection had being back.
    const released = this.#release();
    this.state = "closed";
    if (released === null) this.#answerClose();
    else this.await(released.over.then(() => this.#answerClose()));
  }

  #answerClose(): void {
    writeMethod(this.wire.outbox, 0, connectionCloseOk, {});
    this.#finish();
  }

  #finish(): void {
    this.state = "closed";
    this.wire.stream.finish();
  }

  #onUpdateSecret(bytes: Buffer, start: number, end: number): void {
    const { newSecret } = decodeArguments(connectionUpdateSecret, bytes, start, end);
    this.await(this.#updateSecret(newSecret.toString("utf8")));
  }

  async #updateSecret(secret: string): Promise<void> {
    const { broker } = this.wire.host;
    const user = await broker.authenticate(this.userName, secret, this.wire.remoteAddress);
    if (user === null) throw new AmqpError(replyCodes.notAllowed, "New secret was refused by one of the backends");
    if (this.state !== "running") return;
    this.client.updateUser(user);
    this.setUser(user);
    this.routes.forget();
    this.send(0, connectionUpdateSecretOk, {});
  }

  // What channels need

  /** Takes no further frame until `operation` has ended; a rejection is the failure of the frame at hand. */
  await(operation: Promise<void>): void {
    awaitOperation(this, operation);
  }

  send<M extends MethodDefinition>(channelNumber: number, definition: M, values: MethodArguments<M>): void {
    writeMethod(this.wire.outbox, channelNumber, definition, values);
  }

  forgetChannel(channelNumber: number): void {
    this.#channels.delete(channelNumber);
    if (channelNumber === this.#lastNumber) this.#lastChannel = null;
  }

  /** After an answer that may be large: a client that does not read is asked nothing more, or cut off. */
  checkOutbox(): void {
    this.wire.stream.checkOutbox();
  }

  // What the connection tells

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    this.#overOutbox = over;
    for (const channel of this.#channels.values()) channel.pressure(over);
  }

  /** Everything that came has been handled. */
  chunkEnded(): void {
    if (this.published) {
      this.published = false;
      if (this.state === "running") this.#throttled.published();
    }
    if (this.state === "running") this.checkOutbox();
  }

  /** The resource alarms may have changed. */
  throttle(): void {
    if (this.state !== "running") return;
    if (this.#throttle !== null || this.wire.host.broker.alarms.blocked) this.#throttled.look();
  }

  get #throttled(): PublisherThrottle {
    const { broker, logger } = this.wire.host;
    return (this.#throttle ??= new PublisherThrottle({
      broker,
      logger,
      connection: this.wire.stream,
      showFrames: (hold) => void (this.#hold = hold),
      tell: (blocked) => this.#tellBlocked(blocked),
    }));
  }

  #tellBlocked(blocked: boolean): void {
    if (!this.capabilities.has("connection.blocked")) return;
    if (blocked) this.send(0, connectionBlocked, { reason: this.wire.host.broker.alarms.reason });
    else this.send(0, connectionUnblocked, {});
  }

  // Ends

  /** A frame or an operation failed: closes the channel or the connection as the reply code wants. */
  failed(error: unknown): void {
    // Whatever the state: a decoder that cannot go on must not be asked again.
    if (error instanceof AmqpError && error.streamLost) this.wire.loseStream();
    if (this.state === "closing" || this.state === "closed") return;
    const { reply, explanation, streamLost } = this.#describe(error);
    const channel = reply.hard || streamLost ? undefined : this.#channels.get(this.#frameChannel);
    if (channel !== undefined) {
      channel.fail(reply, explanation, this.frameMethod);
      return;
    }
    this.close(reply, explanation, streamLost ? 0 : this.frameMethod);
  }

  #describe(error: unknown): { reply: ReplyCode; explanation: string; streamLost: boolean } {
    if (error instanceof AmqpError)
      return { reply: error.reply, explanation: error.message, streamLost: error.streamLost };
    if (error instanceof BrokerError)
      return { reply: replyCodeOf[error.code], explanation: error.message, streamLost: false };
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.wire.host.logger.error({ peer: this.wire.stream.peer, stack }, "internal error while handling a frame");
    return { reply: replyCodes.internalError, explanation: "internal error", streamLost: false };
  }

  /** Sends connection.close and waits for its answer; nothing else counts from here on. */
  close(reply: ReplyCode, explanation: string, failingMethod = 0): void {
    if (this.state === "closing" || this.state === "closed") return;
    const text = replyText(reply, explanation);
    this.wire.stream.log.refused(text, { code: reply.code, method: methodOf(failingMethod)?.name });
    this.#release();
    this.state = "closing";
    this.send(0, connectionClose, {
      replyCode: reply.code,
      replyText: text,
      failingClassId: failingMethod >>> 16,
      failingMethodId: failingMethod & 0xffff,
    });
    this.wire.expectClose(this.wire.host.limits.closeTimeoutMs);
  }

  /** A channel is closed for what its client did. */
  logChannelEnd(channel: number, { code }: ReplyCode, reason: string, failingMethod: number): void {
    const { stream, host } = this.wire;
    const fields = { peer: stream.peer, user: this.userName, channel, code, reason };
    host.logger.warn({ ...fields, method: methodOf(failingMethod)?.name }, "channel closed");
  }

  /** The broker wants the connection gone. */
  closeForced(reason: string): void {
    const isShutdown = reason === "shutdown";
    if (isShutdown) this.wire.stream.log.closed("broker", reason);
    this.close(replyCodes.connectionForced, isShutdown ? shutdownText : reason);
  }

  /** The login was refused and the client does not understand why: ends without a word. */
  refuseSilently(): void {
    this.state = "closed";
    this.wire.stream.destroyLater(this.wire.host.limits.refusalDelayMs);
  }

  socketClosed(): void {
    this.state = "closed";
    this.#release();
  }

  /** Gives channels, consumers and unacknowledged deliveries back to the broker. Idempotent. */
  #release(): UnderWay | null {
    this.#throttle?.release();
    for (const channel of this.#channels.values()) channel.release();
    const closing = this.#client?.close() ?? null;
    this.#channels.clear();
    this.#lastNumber = 0;
    this.#lastChannel = null;
    return closing;
  }
}
