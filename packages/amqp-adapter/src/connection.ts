import { type Broker, type Logger, type Outbox, stopReasons } from "@jackalope/core/adapter";
import { ClientStream, type StreamOwner, type Transport, type TransportListener } from "@jackalope/transport";
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
 * One client: protocol header and heartbeats around its stream. It knows no broker noun; frames go through the stream's gate
 * to the session.
 */
export class AmqpConnection implements StreamOwner, HeartbeatHost, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly stream: ClientStream;
  readonly outbox: Outbox;
  readonly remoteAddress: string;
  readonly #transport: Transport;
  readonly #decoder: FrameDecoder;
  #heartbeat: Heartbeat | null = null;
  /** Bytes of the protocol header so far, null once it is complete. */
  #header: Buffer | null = Buffer.alloc(0);
  /** The frames cannot be followed any more: only close-ok and the end of the socket count. */
  #lost = false;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, logger, limits } = host;
    this.host = host;
    this.#transport = transport;
    this.remoteAddress = transport.remoteAddress;
    this.session = new Session(this);
    const decoder = new FrameDecoder(limits.handshakeFrameBytesMax, this.session);
    this.#decoder = decoder;
    this.stream = new ClientStream({ transport, broker, logger, limits, decoder, owner: this });
    this.outbox = this.stream.outbox;
  }

  // What the session asks for

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
    this.stream.closeWithin(waitMs);
    this.stream.proceed(~stopReasons.operation);
  }

  /** The session closes because the stream of frames is broken. */
  loseStream(): void {
    this.#lost = true;
    this.stream.drop();
  }

  destroy(): void {
    this.stream.destroy();
  }

  // HeartbeatHost

  sendHeartbeat(): void {
    // What already waits is sign of life enough, and a client that does not read gets no heap of heartbeats.
    if (this.outbox.waitingBytes === 0) writeHeartbeat(this.outbox);
  }

  peerIsSilent(): void {
    this.stream.cut("missed heartbeats from the client");
  }

  // StreamOwner

  failed(error: unknown): void {
    this.session.failed(error);
  }

  chunkEnded(): void {
    this.session.chunkEnded();
  }

  listening(listens: boolean): void {
    if (this.#heartbeat !== null) this.#heartbeat.listening(listens);
  }

  pressure(over: boolean): void {
    this.session.pressure(over);
  }

  sending(bytes: Buffer): null {
    // Nothing but a heartbeat is so short, and one must not stand in for the next.
    if (this.#heartbeat !== null && bytes.length > frameOverheadBytes) this.#heartbeat.sent = true;
    return null;
  }

  ended(): void {
    this.#heartbeat?.stop();
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.stream.isEnded) return;
    if (this.#heartbeat !== null) this.#heartbeat.received = true;
    if (this.#lost) return this.#awaitCloseOk(chunk);
    const frames = this.#header === null ? chunk : this.#takeHeader(this.#header, chunk);
    if (frames !== null) this.stream.push(frames);
  }

  onHandshakeTimeout(): void {
    this.stream.loginTimedOut();
  }

  onClose(): void {
    this.stream.closed(() => this.session.socketClosed());
  }

  #awaitCloseOk(chunk: Buffer): void {
    if (chunk.includes(closeOkFrame)) this.stream.finish();
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
      this.stream.log.refused(recognized.what);
      // 4.2.2: answer with the header that is spoken here, then close.
      this.#transport.write(protocolHeader, null, () => undefined);
      this.stream.finish();
      return null;
    }
    this.#header = null;
    this.session.begin();
    return chunk.length > missing ? chunk.subarray(missing) : null;
  }
}
