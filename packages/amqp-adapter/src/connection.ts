import {
  type Containment,
  type Broker,
  type GateOwner,
  type Logger,
  Outbox,
  type OutboxTarget,
  ReadGate,
  StallWatch,
  stopReasons,
  type Timer,
} from "@jackalope/core/adapter";
import type { Transport, TransportListener } from "@jackalope/transport";
import { FrameDecoder, frameEndByte, frameTypes, writeHeartbeat, frameOverheadBytes } from "./codec.ts";
import { Heartbeat, type HeartbeatHost } from "./heartbeat.ts";
import type { AmqpLimits, ServerIdentity } from "./options.ts";
import { protocolHeader, recognize } from "./protocol-header.ts";
import { Session } from "./session.ts";

/** What all connections of an adapter share. */
export interface ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: AmqpLimits;
  readonly identity: ServerIdentity;
}

/** connection.close-ok as it stands on the wire: all that matters once the stream of frames is lost. */
const closeOkFrame = Buffer.from([frameTypes.method, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, frameEndByte]);

/**
 * One client: protocol header, outbox, heartbeats. It knows no broker noun; frames go through the gate to the session.
 */
export class AmqpConnection implements OutboxTarget, GateOwner, HeartbeatHost, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly outbox: Outbox;
  /** `address:port` of the client. */
  readonly peer: string;
  readonly remoteAddress: string;
  /** `client -> server`, as RabbitMQ names connections. */
  readonly name: string;
  readonly #transport: Transport;
  readonly #decoder: FrameDecoder;
  readonly #gate: ReadGate;
  readonly #stallWatch: StallWatch;
  #heartbeat: Heartbeat | null = null;
  #timer: Timer | null = null;
  /** Bytes of the protocol header so far, null once it is complete. */
  #header: Buffer | null = Buffer.alloc(0);
  /** The frames cannot be followed any more: only close-ok and the end of the socket count. */
  #lost = false;
  #ended = false;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, limits } = host;
    this.host = host;
    this.#transport = transport;
    this.remoteAddress = transport.remoteAddress;
    this.peer = `${this.remoteAddress}:${transport.remotePort}`;
    this.name = `${this.peer} -> ${transport.localAddress}:${transport.localPort}`;
    this.outbox = new Outbox(broker.turn, this, broker.limits.outboxBytesMax, (over) => this.#pressure(over));
    this.session = new Session(this);
    this.#decoder = new FrameDecoder(limits.handshakeFrameBytesMax, this.session);
    const { turn } = broker;
    this.#gate = new ReadGate({ turn, stream: transport, decoder: this.#decoder, outbox: this.outbox, owner: this });
    this.#stallWatch = new StallWatch(broker.clock, (stalledMs) => this.#stalled(stalledMs));
  }

  get containment(): Containment {
    return this.host.broker.containment;
  }

  // What the session asks for

  /** Stops taking frames for `reason`, after the one at hand. */
  stop(reason: number): void {
    this.#gate.stop(reason);
  }

  /** `reason` is over; takes frames again unless there is another. */
  proceed(reason: number): void {
    this.#gate.proceed(reason);
  }

  /** Puts whole frames before everything that waits to be taken. */
  unread(bytes: Buffer): void {
    this.#gate.unread(bytes);
  }

  /** As `Transport.putBack`, for the last bytes that were taken. */
  putBack(bytes: Buffer): boolean {
    return this.#transport.putBack(bytes);
  }

  /** The negotiated size of frames. */
  limitFrames(frameBytesMax: number): void {
    this.#decoder.frameBytesMax = frameBytesMax;
  }

  /** The handshake is over: its time limit too. */
  established(): void {
    this.#transport.loggedIn();
  }

  startHeartbeat(seconds: number): void {
    if (seconds > 0) this.#heartbeat = new Heartbeat(this.host.broker.clock, seconds, this);
  }

  /** connection.close went out: ends the socket after `waitMs` unless the session does before. */
  expectClose(waitMs: number): void {
    this.#setTimer(this.host.broker.clock.after(waitMs, () => this.destroy()));
    this.#gate.proceed(~stopReasons.operation);
  }

  /** Says what is left to say and closes the socket. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#gate.end();
    this.#heartbeat?.stop();
    if (!this.outbox.flush()) return this.destroy();
    this.#transport.end("normal");
    // A peer that does not close its side in turn must not keep ours.
    this.#setTimer(this.host.broker.clock.after(this.host.limits.closeTimeoutMs, () => this.destroy()));
  }

  /** Closes the socket at once. */
  destroy(): void {
    this.#ended = true;
    this.#transport.destroy();
  }

  /** Closes the socket without a word after a delay, reading nothing more. */
  destroyLater(delayMs: number): void {
    this.#ended = true;
    this.#transport.pause();
    this.#setTimer(this.host.broker.clock.after(delayMs, () => this.destroy()));
  }

  // OutboxTarget

  write(bytes: Buffer, done: () => void): void {
    // Nothing but a heartbeat is so short, and one must not stand in for the next.
    if (this.#heartbeat !== null && bytes.length > frameOverheadBytes) this.#heartbeat.sent = true;
    this.#transport.write(bytes, null, () => {
      this.#stallWatch.gone();
      done();
    });
  }

  // HeartbeatHost

  sendHeartbeat(): void {
    // What already waits is sign of life enough, and a client that does not read gets no heap of heartbeats.
    if (this.outbox.waitingBytes === 0) writeHeartbeat(this.outbox);
  }

  peerIsSilent(): void {
    this.host.logger.warn({ peer: this.peer }, "missed heartbeats from client, closing the socket");
    this.destroy();
  }

  // GateOwner

  failed(error: unknown): void {
    this.session.failed(error);
  }

  chunkEnded(): void {
    this.session.chunkEnded();
  }

  listening(listens: boolean): void {
    if (this.#heartbeat !== null) this.#heartbeat.listening(listens);
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#heartbeat !== null) this.#heartbeat.received = true;
    if (this.#lost) return this.#awaitCloseOk(chunk);
    const frames = this.#header === null ? chunk : this.#takeHeader(this.#header, chunk);
    if (frames === null) return;
    this.#gate.push(frames);
  }

  onHandshakeTimeout(): void {
    const { refusals } = this.host.broker.users;
    if (!this.#ended) refusals.warn(this.remoteAddress, { peer: this.peer }, "handshake timed out, closing the socket");
    this.destroy();
  }

  onClose(): void {
    this.#ended = true;
    this.#setTimer(null);
    this.#heartbeat?.stop();
    this.#stallWatch.end();
    this.#gate.end();
    this.outbox.close();
    this.session.socketClosed();
  }

  #awaitCloseOk(chunk: Buffer): void {
    if (chunk.includes(closeOkFrame)) this.finish();
  }

  /** Gathers the protocol header; returns what comes behind it, or null while it is incomplete or wrong. */
  #takeHeader(before: Buffer, chunk: Buffer): Buffer | null {
    const missing = protocolHeader.length - before.length;
    const header = before.length === 0 ? chunk : Buffer.concat([before, chunk.subarray(0, missing)]);
    const recognized = recognize(header);
    if (recognized.kind === "partial") {
      this.#header = Buffer.from(header);
      return null;
    }
    if (recognized.kind === "other") {
      const { refusals } = this.host.broker.users;
      refusals.warn(this.remoteAddress, { peer: this.peer }, `connection refused: ${recognized.what}`);
      // 4.2.2: answer with the header that is spoken here, then close.
      this.#transport.write(protocolHeader, null, () => undefined);
      this.finish();
      return null;
    }
    this.#header = null;
    this.session.begin();
    return chunk.length > missing ? chunk.subarray(missing) : null;
  }

  /** The session closes because the stream of frames is broken. */
  loseStream(): void {
    this.#lost = true;
    this.#gate.drop();
  }

  #pressure(over: boolean): void {
    this.session.pressure(over);
    this.#stallWatch.pressure(over);
  }

  /** Heartbeats may pass while nothing else does: they are how a client says that it lives, not that it reads. */
  #stalled(stalledMs: number): boolean {
    const { limits, logger } = this.host;
    if (stalledMs < limits.stalledTimeoutMs) return true;
    const fields = { peer: this.peer, waitingBytes: this.outbox.waitingBytes };
    logger.warn(fields, "client has stopped reading (stalledTimeoutMs), closing the socket");
    this.destroy();
    return false;
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
