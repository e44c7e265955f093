import { randomBytes } from "node:crypto";
import {
  awaitOperation,
  BrokerError,
  type Channel,
  type ChannelSink,
  type ClientConnection,
  PublisherThrottle,
  stopReasons,
} from "@jackalope/core/adapter";
import { AlarmHold } from "./alarm-hold.ts";
import type { FrameHandler } from "./codec.ts";
import type { StompConnection } from "./connection.ts";
import type { FrameHead } from "./frame-head.ts";
import { type HeaderList, writeFrame } from "./frame-writer.ts";
import { headerNames } from "./header-names.ts";
import { Login, type LoginResult } from "./login.ts";
import { Publication } from "./publication.ts";
import { Receipts } from "./receipts.ts";
import type { SendTemplate } from "./send-template.ts";
import { refusals, StompError } from "./stomp-error.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Transactions } from "./transactions.ts";
import { type Version, versionList } from "./version.ts";

/**
 * Where a connection stands.
 *
 *     connecting -> authenticating -> running -> disconnecting -> closed
 *         any of them ------------------------------------------^
 */
export type SessionState = "connecting" | "authenticating" | "running" | "disconnecting" | "closed";

const impersonatorTag = "impersonator";
const shutdownText = "broker forced connection closure with reason 'shutdown'";

/** What a session has once its client is logged in. */
interface Parts {
  readonly client: ClientConnection;
  /** The channel of the client's publishes; each subscription has one of its own. */
  readonly channel: Channel;
  readonly publication: Publication;
  readonly subscriptions: Subscriptions;
  readonly transactions: Transactions;
}

/** The state machine of one connection: login, frames, receipts, errors and the end. */
export class Session implements FrameHandler, ChannelSink {
  readonly wire: StompConnection;
  readonly receipts: Receipts;
  /** `session-…`, in CONNECTED and in every message-id. */
  readonly id: string = `session-${randomBytes(16).toString("base64url")}`;
  state: SessionState = "connecting";
  version: Version = "1.0";
  userName = "";
  impersonator = false;
  /** Set at each publish; looked at after a chunk. */
  published = false;
  #parts: Parts | null = null;
  /** Null before the first publish, and before the first alarm. */
  #throttle: PublisherThrottle | null = null;
  #overOutbox = false;
  /** The publishes before this one have their confirms. */
  #confirmedSeq = 0;
  /** What is being handled, for the receipt-id of an ERROR. */
  #frame: FrameHead | SendTemplate | null = null;

  constructor(wire: StompConnection) {
    this.wire = wire;
    this.receipts = new Receipts(wire);
  }

  get peer(): string {
    return this.wire.stream.peer;
  }

  /** Bytes that wait in queues which nobody but this client reads. */
  get ownQueueBytes(): number {
    return this.#parts?.subscriptions.ownQueueBytes ?? 0;
  }

  /** True while the client does not take what was written to it. */
  get overOutbox(): boolean {
    return this.#overOutbox;
  }

  // Frames

  onFrame(head: FrameHead, bodyStart: number, bodyEnd: number): void {
    this.#frame = head;
    if (this.#parts === null || this.state !== "running") return this.#onEarlyFrame(head);
    const operation = this.#handle(this.#parts, head, bodyStart, bodyEnd);
    if (operation === undefined) this.#done(head);
    else this.await(operation.then(() => this.#done(head)));
  }

  onRepeatedSend(template: SendTemplate, bodyEnd: number): void {
    if (this.#parts === null || this.state !== "running") return;
    this.#frame = template;
    const operation = this.#parts.publication.onRepeated(template, bodyEnd);
    if (operation !== undefined) this.await(operation);
  }

  #handle(parts: Parts, head: FrameHead, bodyStart: number, bodyEnd: number): Promise<void> | undefined {
    const { publication, subscriptions, transactions } = parts;
    switch (head.command) {
      case "SEND":
        return publication.onSend(head, bodyStart, bodyEnd);
      case "ACK":
      case "NACK":
        return subscriptions.settle(head, transactions.of(head));
      case "SUBSCRIBE":
        return subscriptions.subscribe(head);
      case "UNSUBSCRIBE":
        return subscriptions.unsubscribe(head);
      case "BEGIN":
        transactions.begin(head);
        return undefined;
      case "COMMIT":
        this.published = true;
        return parts.channel.commit(transactions.take(head));
      case "ABORT":
        parts.channel.rollback(transactions.take(head));
        return undefined;
      case "CONNECT":
      case "STOMP":
        throw new StompError("Illegal command", "the client is already connected\n");
      case "DISCONNECT":
        this.state = "disconnecting";
        this.wire.stream.log.closed("client", "DISCONNECT");
        return undefined;
    }
  }

  /** A frame was handled: its receipt. That of a SEND follows the message. */
  #done(head: FrameHead): void {
    if (head.command === "SEND") return;
    const line = head.find(headerNames.receipt);
    if (line >= 0 && this.state !== "closed") this.receipts.now(head.raw(line));
    if (head.command === "SUBSCRIBE") this.#parts?.subscriptions.start();
    else if (head.command === "DISCONNECT") this.#endDisconnecting();
  }

  #onEarlyFrame(head: FrameHead): void {
    if (this.state !== "connecting") return;
    if (head.command !== "CONNECT" && head.command !== "STOMP") {
      throw new StompError("Illegal command", "You must log in using CONNECT first\n");
    }
    this.state = "authenticating";
    this.await(new Login(this).run(head));
  }

  /** The login was granted. */
  opened(client: ClientConnection, login: LoginResult): void {
    this.version = login.version;
    this.wire.decoder.head.version = login.version;
    this.wire.decoder.paidBy(client.payer);
    this.userName = client.user.name;
    this.impersonator = client.user.tags.includes(impersonatorTag);
    this.state = "running";
    const channel = client.openChannel(this);
    const subscriptions = new Subscriptions(this, client);
    const transactions = new Transactions(this.wire.host.limits.transactionsMax, client.broker.limits, client.payer);
    const publication = new Publication(this, client, channel, subscriptions, transactions);
    this.#parts = { client, channel, publication, subscriptions, transactions };
    this.send("CONNECTED", [
      ["version", login.version],
      ["heart-beat", `${login.sendMs},${login.receiveMs}`],
      ["session", this.id],
      ["server", this.wire.host.server],
    ]);
    this.wire.established(login.sendMs, login.receiveMs);
    this.throttle();
  }

  /** Takes no further frame until `operation` has ended; a rejection is the failure of the frame at hand. */
  await(operation: Promise<void>): void {
    awaitOperation(this, operation);
  }

  /** Writes a frame other than MESSAGE and RECEIPT. */
  send(command: "CONNECTED" | "ERROR", headers: HeaderList, body = ""): void {
    writeFrame(this.wire.outbox, command === "CONNECTED" ? null : this.version, command, headers, body);
    this.wire.frameWritten();
  }

  // ChannelSink, for the channel of publishes

  confirm(publishSeq: number): void {
    this.#confirmedSeq = publishSeq;
    if (this.state === "closed") return;
    this.receipts.confirmed(publishSeq);
    if (this.state === "disconnecting") this.#endDisconnecting();
  }

  refuse(publishSeq: number): void {
    const receipt = this.receipts.find(this.#confirmedSeq + 1, publishSeq);
    this.#confirmedSeq = publishSeq;
    if (receipt !== null && this.state !== "closed") {
      const text = "A queue is full and refuses the message, or it could not be stored.\n";
      this.#end("Message refused", text, receipt);
    } else this.confirm(publishSeq);
  }

  deliver(): void {}

  returned(): void {}

  cancelled(): void {}

  // What the connection tells

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    this.#overOutbox = over;
    this.#parts?.subscriptions.pressure(over);
  }

  /** Everything that came has been handled. */
  chunkEnded(): void {
    if (this.state !== "running") return;
    if (this.published) {
      this.published = false;
      this.#throttled?.published();
    }
    this.wire.stream.checkOutbox();
  }

  /** The resource alarms may have changed. */
  throttle(): void {
    if (this.state !== "running") return;
    if (this.#throttle !== null || this.wire.host.broker.alarms.blocked) this.#throttled?.look();
  }

  get #throttled(): PublisherThrottle | null {
    if (this.#throttle !== null || this.#parts === null) return this.#throttle;
    const { broker, logger } = this.wire.host;
    const hold = new AlarmHold(this.wire, this.#parts.transactions);
    const showFrames = hold.showFrames.bind(hold);
    this.#throttle = new PublisherThrottle({ broker, logger, connection: this.wire.stream, showFrames });
    return this.#throttle;
  }

  // Ends

  /** A frame or an operation failed: an ERROR, and the end of the connection. */
  failed(error: unknown): void {
    if (this.state === "closed") return;
    if (error instanceof StompError) {
      this.#end(error.title, error.message, error.streamLost ? null : this.#failedReceipt());
    } else if (error instanceof BrokerError) {
      const { title, reply } = refusals[error.code];
      this.#end(title, `${reply} - ${error.message}\n`, this.#failedReceipt());
    } else {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.wire.host.logger.error({ peer: this.peer, stack }, "internal error while handling a frame");
      this.#end("internal_error", "INTERNAL_ERROR - internal error\n", this.#failedReceipt());
    }
  }

  /** The broker wants the connection gone. */
  closeForced(reason: string): void {
    if (this.state === "closed") return;
    this.#end("connection_forced", `${reason === "shutdown" ? shutdownText : reason}\n`, null, reason === "shutdown");
  }

  transportClosed(): void {
    this.state = "closed";
    this.#release();
  }

  /** STOMP 1.2 "ERROR": the server must close the connection behind it. */
  #end(title: string, explanation: string, receipt: string | null, shutdown = false): void {
    const { stream } = this.wire;
    if (shutdown) stream.log.closed("broker", "shutdown");
    else stream.log.refused(explanation.trimEnd(), { title });
    this.state = "closed";
    this.#release();
    this.sendError(title, explanation, receipt === null ? [] : [["receipt-id", receipt]]);
    stream.finish(shutdown ? "shutdown" : "error");
  }

  /** An ERROR frame alone. Values of `headers` are written as they are. */
  sendError(title: string, explanation: string, headers: HeaderList): void {
    this.send(
      "ERROR",
      [["message", title], ...headers, ["content-type", "text/plain"], ["version", versionList]],
      explanation,
    );
  }

  #failedReceipt(): string | null {
    const frame = this.#frame;
    if (frame === null) return null;
    if ("find" in frame) {
      const line = frame.find(headerNames.receipt);
      return line < 0 ? null : frame.value(line);
    }
    return frame.receiptStart < 0 ? null : frame.bytes.toString("utf8", frame.receiptStart, frame.receiptEnd);
  }

  /** DISCONNECT is done when every receipt before its own has left. */
  #endDisconnecting(): void {
    if (this.receipts.pendingCount > 0) {
      this.wire.stream.stop(stopReasons.operation);
      return;
    }
    this.state = "closed";
    this.#release();
    this.wire.stream.finish("normal");
  }

  /** Gives transactions, channels and unacknowledged deliveries back to the broker. Idempotent. */
  #release(): void {
    this.#throttle?.release();
    const parts = this.#parts;
    this.#parts = null;
    if (parts === null) return;
    for (const transaction of parts.transactions.takeAll()) parts.channel.rollback(transaction);
    parts.client.close();
  }
}
