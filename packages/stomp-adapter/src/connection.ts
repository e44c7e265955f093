import type { Broker, Logger, Outbox } from "@jackalope/core/adapter";
import { ClientStream, type StreamOwner, type Transport, type TransportListener } from "@jackalope/transport";
import { FrameDecoder } from "./codec.ts";
import { writeHeartbeat } from "./frame-writer.ts";
import { headLimits } from "./head-limits.ts";
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
 * One client: heart-beats around its stream. It knows no broker noun; frames go through the stream's gate to the session.
 */
export class StompConnection implements StreamOwner, HeartbeatHost, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly stream: ClientStream;
  readonly outbox: Outbox;
  readonly transport: Transport;
  readonly decoder: FrameDecoder;
  #heartbeat: Heartbeat | null = null;
  /** Ends of the frames in the outbox, for transports that send them one by one. */
  #frameEnds: number[] | null;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, logger, limits } = host;
    this.host = host;
    this.transport = transport;
    this.#frameEnds = transport.wantsFrameEnds ? [] : null;
    this.session = new Session(this);
    this.decoder = new FrameDecoder(
      limits.loginBodyBytesMax,
      headLimits(limits, limits.loginHeadBytesMax),
      this.session,
    );
    const queuedBytes = (): number => this.session.ownQueueBytes;
    const { decoder } = this;
    this.stream = new ClientStream({ transport, broker, logger, limits, decoder, owner: this, queuedBytes });
    this.outbox = this.stream.outbox;
  }

  // What the session asks for

  /** A frame was written to the outbox. */
  frameWritten(): void {
    if (this.#frameEnds !== null) this.#frameEnds.push(this.outbox.position);
  }

  /** The client is logged in: its time limit is over, its frames may be larger. */
  established(sendMs: number, receiveMs: number): void {
    const { broker, limits } = this.host;
    this.transport.loggedIn();
    this.decoder.limits = headLimits(limits, limits.headBytesMax);
    this.decoder.bodyBytesMax = Math.min(limits.bodyBytesMax, broker.limits.messageBytesMax);
    if (sendMs === 0 && receiveMs === 0) return;
    const silenceMsMin = this.transport.kind === "WebSocket" ? limits.webSocketSilenceMsMin : 0;
    this.#heartbeat = new Heartbeat(broker.clock, { sendMs, receiveMs, silenceMsMin }, this);
  }

  destroy(): void {
    this.stream.destroy();
  }

  // HeartbeatHost

  sendHeartbeat(): void {
    // What already waits is sign of life enough, and a client that does not read gets no heap of heart-beats.
    if (this.outbox.waitingBytes > 0) return;
    writeHeartbeat(this.outbox);
    this.frameWritten();
  }

  peerIsSilent(): void {
    this.stream.cut("missed heart-beats from the client");
  }

  // StreamOwner

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

  pressure(over: boolean): void {
    this.session.pressure(over);
  }

  sending(bytes: Buffer): readonly number[] | null {
    if (this.#heartbeat !== null && bytes.length > 1) this.#heartbeat.sent = true;
    const frameEnds = this.#frameEnds;
    if (frameEnds !== null) this.#frameEnds = [];
    return frameEnds;
  }

  ended(): void {
    this.#heartbeat?.stop();
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.stream.isEnded) return;
    if (this.#heartbeat !== null) this.#heartbeat.received = true;
    this.stream.push(chunk);
  }

  onHandshakeTimeout(): void {
    this.stream.loginTimedOut();
  }

  onClose(): void {
    this.stream.closed(() => this.session.transportClosed());
  }
}
