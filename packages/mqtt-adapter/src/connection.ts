import type { Logger, Outbox, VirtualHost } from "@jackalope/core/adapter";
import { ClientStream, type StreamOwner, type Transport, type TransportListener } from "@jackalope/transport";
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
 * One client: keep alive around its stream. It knows no broker noun; packets go through the stream's gate to the session.
 */
export class MqttConnection implements StreamOwner, TransportListener {
  readonly host: ConnectionHost;
  readonly session: Session;
  readonly stream: ClientStream;
  readonly outbox: Outbox;
  readonly transport: Transport;
  readonly decoder: PacketDecoder;
  #keepAlive: KeepAlive | null = null;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, logger, limits } = host;
    this.host = host;
    this.transport = transport;
    this.session = new Session(this);
    this.decoder = new PacketDecoder(limits.connectPacketBytesMax, this.session);
    this.stream = new ClientStream({ transport, broker, logger, limits, decoder: this.decoder, owner: this });
    this.outbox = this.stream.outbox;
  }

  // What the session asks for

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

  destroy(): void {
    this.stream.destroy();
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
    this.#keepAlive?.listening(listens);
  }

  pressure(over: boolean): void {
    this.session.pressure(over);
  }

  sending(bytes: Buffer): null {
    this.host.traffic.sentBytes += bytes.length;
    return null;
  }

  ended(): void {
    this.#keepAlive?.stop();
  }

  // TransportListener

  onData(chunk: Buffer): void {
    this.host.traffic.receivedBytes += chunk.length;
    if (this.stream.isEnded) return;
    if (this.#keepAlive !== null) this.#keepAlive.received = true;
    this.stream.push(chunk);
  }

  onHandshakeTimeout(): void {
    if (!this.session.loginTimedOut()) this.stream.loginTimedOut();
  }

  onClose(): void {
    this.stream.closed(() => this.session.transportClosed());
  }
}
