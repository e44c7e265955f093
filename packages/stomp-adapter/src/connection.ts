import {
  type Containment,
  type Broker,
  type GateOwner,
  type Logger,
  Outbox,
  type OutboxTarget,
  ReadGate,
  StallWatch,
  type Timer,
} from "@jackalope/core/adapter";
import type { EndReason, Transport, TransportListener } from "@jackalope/transport";
import { FrameDecoder } from "./codec.ts";
import { writeHeartbeat } from "./frame-writer.ts";
import { Heartbeat, type HeartbeatHost } from "./heartbeat.ts";
import type { AnonymousUser, StompLimits } from "./options.ts";
import { Session } from "./session.ts";

/** What all connections of an adapter share. */
export interface ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: StompLimits;
  readonly anonymousUser: AnonymousUser | null;
  readonly defaultVirtualHost: string;
  readonly server: string;
}

/**
 * One client: outbox, heart-beats. It knows no broker noun; frames go through the gate to the session.
 */
export class StompConnection implements OutboxTarget, GateOwner, HeartbeatHost, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly transport: Transport;
  /** `address:port` of the client. */
  readonly peer: string;
  /** `client -> server`, as RabbitMQ names connections. */
  readonly name: string;
  readonly #gate: ReadGate;
  readonly #stallWatch: StallWatch;
  readonly decoder: FrameDecoder;
  #heartbeat: Heartbeat | null = null;
  #timer: Timer | null = null;
  /** Ends of the frames in the outbox, for transports that send them one by one. */
  #frameEnds: number[] | null;
  #ended = false;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, limits } = host;
    this.host = host;
    this.transport = transport;
    this.peer = `${transport.remoteAddress}:${transport.remotePort}`;
    this.name = `${this.peer} -> ${transport.localAddress}:${transport.localPort}`;
    this.#frameEnds = transport.wantsFrameEnds ? [] : null;
    this.outbox = new Outbox(broker.turn, this, broker.limits.outboxBytesMax, (over) => this.#pressure(over));
    this.session = new Session(this);
    this.decoder = new FrameDecoder(limits.loginBodyBytesMax, limits, this.session);
    const { turn } = broker;
    this.#gate = new ReadGate({ turn, stream: transport, decoder: this.decoder, outbox: this.outbox, owner: this });
    this.#stallWatch = new StallWatch(broker.clock, (stalledMs) => this.#stalled(stalledMs));
  }

  get containment(): Containment {
    return this.host.broker.containment;
  }

  // What the session asks for

  /** A frame was written to the outbox. */
  frameWritten(): void {
    if (this.#frameEnds !== null) this.#frameEnds.push(this.outbox.position);
  }

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
    return this.transport.putBack(bytes);
  }

  /** The client is logged in: its time limit is over, its frames may be larger. */
  established(sendMs: number, receiveMs: number): void {
    const { broker, limits } = this.host;
    this.transport.loggedIn();
    this.decoder.bodyBytesMax = Math.min(limits.bodyBytesMax, broker.limits.messageBytesMax);
    if (sendMs === 0 && receiveMs === 0) return;
    const silenceMsMin = this.transport.kind === "WebSocket" ? limits.webSocketSilenceMsMin : 0;
    this.#heartbeat = new Heartbeat(broker.clock, { sendMs, receiveMs, silenceMsMin }, this);
  }

  /** Says what is left to say and ends the stream; what still comes is discarded. */
  finish(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#gate.end();
    this.#heartbeat?.stop();
    if (!this.outbox.flush()) return this.destroy();
    this.transport.end(reason);
    // A peer that does not close its side in turn must not keep ours.
    this.#setTimer(this.host.broker.clock.after(this.host.limits.closeTimeoutMs, () => this.destroy()));
  }

  /** Ends the stream at once. */
  destroy(): void {
    this.#ended = true;
    this.transport.destroy();
  }

  // OutboxTarget

  write(bytes: Buffer, done: () => void): void {
    if (this.#heartbeat !== null && bytes.length > 1) this.#heartbeat.sent = true;
    const frameEnds = this.#frameEnds;
    if (frameEnds !== null) this.#frameEnds = [];
    this.transport.write(bytes, frameEnds, () => {
      this.#stallWatch.gone();
      done();
    });
  }

  // HeartbeatHost

  sendHeartbeat(): void {
    // What already waits is sign of life enough, and a client that does not read gets no heap of heart-beats.
    if (this.outbox.waitingBytes > 0) return;
    writeHeartbeat(this.outbox);
    this.frameWritten();
  }

  peerIsSilent(): void {
    this.host.logger.warn({ peer: this.peer }, "missed heart-beats from client, closing the connection");
    this.destroy();
  }

  // GateOwner

  failed(error: unknown): void {
    this.session.failed(error);
  }

  chunkEnded(drained: boolean): void {
    this.session.chunkEnded();
    if (drained && !this.decoder.stopped) this.decoder.release();
  }

  listening(listens: boolean): void {
    this.#heartbeat?.listening(listens);
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#heartbeat !== null) this.#heartbeat.received = true;
    this.#gate.push(chunk);
  }

  onHandshakeTimeout(): void {
    const { refusals } = this.host.broker.users;
    if (!this.#ended)
      refusals.warn(this.transport.remoteAddress, { peer: this.peer }, "login timed out, closing the connection");
    this.destroy();
  }

  onClose(): void {
    this.#ended = true;
    this.#setTimer(null);
    this.#stallWatch.end();
    this.#heartbeat?.stop();
    this.#gate.end();
    this.outbox.close();
    this.session.transportClosed();
  }

  #pressure(over: boolean): void {
    this.session.pressure(over);
    this.#stallWatch.pressure(over);
  }

  /** Looks at what gathers meanwhile, too. */
  #stalled(stalledMs: number): boolean {
    const { limits, logger } = this.host;
    const queuedBytes = this.session.ownQueueBytes;
    const fields = { peer: this.peer, waitingBytes: this.outbox.waitingBytes, queuedBytes };
    if (stalledMs >= limits.stalledTimeoutMs) {
      logger.warn(fields, "client has stopped reading (stalledTimeoutMs), closing the connection");
    } else if (queuedBytes > limits.stalledQueueBytesMax) {
      logger.warn(fields, "client reads too slowly (stalledQueueBytesMax), closing the connection");
    } else return true;
    this.destroy();
    return false;
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
