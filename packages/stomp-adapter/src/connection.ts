import {
  type Broker,
  type Logger,
  Outbox,
  type OutboxTarget,
  StallWatch,
  stopReasons,
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
  forget(connection: StompConnection): void;
}

/**
 * One client: decode loop, outbox, heart-beats, pause and resume. It knows no broker noun; frames go to the session.
 */
export class StompConnection implements OutboxTarget, HeartbeatHost, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly transport: Transport;
  /** `address:port` of the client. */
  readonly peer: string;
  /** `client -> server`, as RabbitMQ names connections. */
  readonly name: string;
  readonly decoder: FrameDecoder;
  #heartbeat: Heartbeat | null = null;
  #timer: Timer | null;
  /** While the client is behind with reading. */
  #stallWatch: StallWatch | null = null;
  /** Ends of the frames in the outbox, for transports that send them one by one. */
  #frameEnds: number[] | null;
  /** Bytes that the transport took so far, to tell a slow reader from one that does not read. */
  #goneBytes = 0;
  #stopped = 0;
  #decoding = false;
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
    this.#timer = broker.clock.after(limits.handshakeTimeoutMs, () => this.#handshakeTimedOut());
  }

  // What the session asks for

  /** A frame was written to the outbox. */
  frameWritten(): void {
    if (this.#frameEnds !== null) this.#frameEnds.push(this.outbox.position);
  }

  /** Stops taking frames for `reason`, after the one at hand. */
  stop(reason: number): void {
    this.#stopped |= reason;
    this.decoder.stopped = true;
    if (this.#heartbeat !== null) this.#heartbeat.deaf = true;
    // An operation takes a moment, and pausing a socket costs system calls: one more chunk may come and waits.
    if (reason !== stopReasons.operation) this.transport.pause();
  }

  /** `reason` is over; takes frames again unless there is another. */
  proceed(reason: number): void {
    if ((this.#stopped & reason) === 0) return;
    this.#stopped &= ~reason;
    if (this.#stopped !== 0 || this.#ended) return;
    this.decoder.stopped = false;
    if (this.#heartbeat !== null) {
      this.#heartbeat.deaf = false;
      this.#heartbeat.received = true;
    }
    this.#decode();
    if (this.#stopped === 0) this.transport.resume();
  }

  /** The client is logged in: its time limit is over, its frames may be larger. */
  established(sendMs: number, receiveMs: number): void {
    const { broker, limits } = this.host;
    this.#setTimer(null);
    this.decoder.bodyBytesMax = Math.min(limits.bodyBytesMax, broker.limits.messageBytesMax);
    if (sendMs === 0 && receiveMs === 0) return;
    const silenceMsMin = this.transport.kind === "WebSocket" ? limits.webSocketSilenceMsMin : 0;
    this.#heartbeat = new Heartbeat(broker.clock, { sendMs, receiveMs, silenceMsMin }, this);
  }

  /** Says what is left to say and ends the stream; what still comes is discarded. */
  finish(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.decoder.stopped = true;
    this.decoder.drop();
    this.#heartbeat?.stop();
    if (!this.outbox.flush()) return this.destroy();
    this.transport.end(reason);
    // Unread bytes would turn the end into a reset, which can overtake the ERROR frame.
    this.transport.resume();
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
      this.#goneBytes += bytes.length;
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

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#heartbeat !== null) this.#heartbeat.received = true;
    this.decoder.push(chunk);
    if (this.decoder.stopped) this.transport.pause();
    else this.#decode();
  }

  onClose(): void {
    this.#ended = true;
    this.#setTimer(null);
    this.#stallWatch?.end();
    this.#heartbeat?.stop();
    this.decoder.stopped = true;
    this.decoder.drop();
    this.outbox.close();
    this.session.transportClosed();
    this.host.forget(this);
  }

  #decode(): void {
    if (this.#decoding) return;
    this.#decoding = true;
    const { decoder } = this;
    do {
      try {
        decoder.run();
      } catch (error) {
        this.session.failed(error);
        continue;
      }
      this.session.chunkEnded();
    } while (decoder.hasRest && !decoder.stopped && !this.#ended);
    this.#decoding = false;
    if (!decoder.hasRest && !decoder.stopped) decoder.release();
  }

  #pressure(over: boolean): void {
    this.session.pressure(over);
    this.#stallWatch?.end();
    this.#stallWatch = over ? this.#watchStall() : null;
  }

  /** Looks at what gathers meanwhile, too. */
  #watchStall(): StallWatch {
    const { broker, limits, logger } = this.host;
    const goneBytes = (): number => this.#goneBytes;
    return new StallWatch(broker.clock, goneBytes, (stalledMs) => {
      const queuedBytes = this.session.ownQueueBytes;
      const fields = { peer: this.peer, waitingBytes: this.outbox.waitingBytes, queuedBytes };
      if (stalledMs >= limits.stalledTimeoutMs) {
        logger.warn(fields, "client has stopped reading (stalledTimeoutMs), closing the connection");
      } else if (queuedBytes > limits.stalledQueueBytesMax) {
        logger.warn(fields, "client reads too slowly (stalledQueueBytesMax), closing the connection");
      } else return true;
      this.destroy();
      return false;
    });
  }

  #handshakeTimedOut(): void {
    this.host.logger.warn({ peer: this.peer }, "login timed out, closing the connection");
    this.destroy();
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
