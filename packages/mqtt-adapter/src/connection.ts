import {
  type Containment,
  type GateOwner,
  type Logger,
  Outbox,
  type OutboxTarget,
  ReadGate,
  StallWatch,
  type Timer,
  type VirtualHost,
} from "@jackalope/core/adapter";
import type { EndReason, Transport, TransportListener } from "@jackalope/transport";
import type { LoginTerms } from "./client-identity.ts";
import { PacketDecoder } from "./codec.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { MqttVirtualHost } from "./mqtt-virtual-host.ts";
import { type MqttLimits, packetBytesMax } from "./options.ts";
import { Session } from "./session.ts";
import type { Traffic } from "./traffic.ts";

/** What all connections of an adapter share. */
export interface ConnectionHost extends LoginTerms {
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly exchange: string;
  readonly traffic: Traffic;
  /** What MQTT has in a virtual host. */
  home(virtualHost: VirtualHost): MqttVirtualHost;
}

/**
 * One client: outbox, keep alive. It knows no broker noun; packets go through the gate to the session.
 */
export class MqttConnection implements OutboxTarget, GateOwner, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly transport: Transport;
  /** `address:port` of the client. */
  readonly peer: string;
  readonly #gate: ReadGate;
  readonly #stallWatch: StallWatch;
  readonly decoder: PacketDecoder;
  #keepAlive: KeepAlive | null = null;
  #timer: Timer | null = null;
  #ended = false;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, limits } = host;
    this.host = host;
    this.transport = transport;
    this.peer = `${transport.remoteAddress}:${transport.remotePort}`;
    this.outbox = new Outbox(broker.turn, this, broker.limits.outboxBytesMax, (over) => this.#pressure(over));
    this.session = new Session(this);
    this.decoder = new PacketDecoder(limits.connectPacketBytesMax, this.session);
    const { turn } = broker;
    this.#gate = new ReadGate({ turn, stream: transport, decoder: this.decoder, outbox: this.outbox, owner: this });
    this.#stallWatch = new StallWatch(broker.clock, (stalledMs) => this.#stalled(stalledMs));
  }

  /** `client -> server`, as RabbitMQ names connections. */
  get name(): string {
    return `${this.peer} -> ${this.transport.localAddress}:${this.transport.localPort}`;
  }

  get containment(): Containment {
    return this.host.broker.containment;
  }

  // What the session asks for

  /** Stops taking packets for `reason`, after the one at hand. */
  stop(reason: number): void {
    this.#gate.stop(reason);
  }

  /** `reason` is over; takes packets again unless there is another. */
  proceed(reason: number): void {
    this.#gate.proceed(reason);
  }

  /** Puts whole packets before everything that waits to be taken. */
  unread(bytes: Buffer): void {
    this.#gate.unread(bytes);
  }

  /** As `Transport.putBack`, for the last bytes that were taken. */
  putBack(bytes: Buffer): boolean {
    return this.transport.putBack(bytes);
  }

  /** Publishes of the client wait for the end of an alarm, or do so no more. */
  holding(holds: boolean): void {
    this.#keepAlive?.holding(holds);
  }

  /** The client is logged in: its time limit is over, its packets may be larger. */
  established(keepAliveSeconds: number): void {
    this.transport.loggedIn();
    this.decoder.packetBytesMax = packetBytesMax(this.host.limits, this.host.broker.limits.messageBytesMax);
    // [MQTT-3.1.2-22]; 0 turns it off.
    if (keepAliveSeconds === 0) return;
    this.#keepAlive = new KeepAlive(this.host.broker.clock, keepAliveSeconds, () => this.session.peerIsSilent());
  }

  /** Says what is left to say and ends the stream; what still comes is discarded. */
  finish(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#gate.end();
    this.#keepAlive?.stop();
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
    this.transport.write(bytes, null, () => {
      this.#stallWatch.gone();
      this.host.traffic.sentBytes += bytes.length;
      done();
    });
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
    this.#keepAlive?.listening(listens);
  }

  // TransportListener

  onData(chunk: Buffer): void {
    this.host.traffic.receivedBytes += chunk.length;
    if (this.#ended) return;
    if (this.#keepAlive !== null) this.#keepAlive.received = true;
    this.#gate.push(chunk);
  }

  onHandshakeTimeout(): void {
    if (this.session.loginTimedOut()) return;
    const { refusals } = this.host.broker.users;
    if (!this.#ended)
      refusals.warn(this.transport.remoteAddress, { peer: this.peer }, "login timed out, closing the connection");
    this.destroy();
  }

  onClose(): void {
    this.#ended = true;
    this.#setTimer(null);
    this.#stallWatch.end();
    this.#keepAlive?.stop();
    this.#gate.end();
    this.outbox.close();
    this.session.transportClosed();
  }

  #pressure(over: boolean): void {
    this.session.pressure(over);
    this.#stallWatch.pressure(over);
  }

  /** What gathers for a client that does not read is bounded by its queue. */
  #stalled(stalledMs: number): boolean {
    const { limits, logger } = this.host;
    if (stalledMs < limits.stalledTimeoutMs) return true;
    const fields = { peer: this.peer, waitingBytes: this.outbox.waitingBytes };
    logger.warn(fields, "client has stopped reading (stalledTimeoutMs), closing the connection");
    this.destroy();
    return false;
  }

  #setTimer(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
