import {
  BrokerError,
  type Channel,
  type ChannelSink,
  type ClientConnection,
  type Consumer,
  type Message,
  PublisherThrottle,
  stopReasons,
} from "@jackalope/core/adapter";
import { brokerRefusal } from "./broker-refusal.ts";
import type { PacketHandler } from "./codec.ts";
import type { MqttConnection } from "./connection.ts";
import { Deliveries } from "./deliveries.ts";
import { Login } from "./login.ts";
import type { MessageTerms } from "./message-session.ts";
import { MqttError, protocolError } from "./mqtt-error.ts";
import type { MqttVirtualHost } from "./mqtt-virtual-host.ts";
import { type AcknowledgementType, packetTypes } from "./packet-types.ts";
import { writePacket } from "./packet-writer.ts";
import { Publication } from "./publication.ts";
import type { PublishPacket } from "./publish-packet.ts";
import type { ConnectPacket, DisconnectPacket, OutgoingPacket, RarePacket } from "./rare-packets.ts";
import { connackReason, connectReturnCode, reasonCodes } from "./reason-codes.ts";
import type { SessionState } from "./session-state.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Version } from "./version.ts";

/**
 * Where a connection stands.
 *
 *     connecting -> authenticating -> running -> closed
 *         any of them --------------------------^
 */
export type SessionPhase = "connecting" | "authenticating" | "running" | "closed";

/** The properties of CONNACK. */
export type ConnackProperties = NonNullable<Extract<OutgoingPacket, { cmd: "connack" }>["properties"]>;

/** What a session has once its client is logged in. */
interface Parts {
  readonly client: ClientConnection;
  readonly channel: Channel;
  readonly home: MqttVirtualHost;
  readonly state: SessionState;
  readonly subscriptions: Subscriptions;
}

const unknownTerms: MessageTerms = {
  version: 5,
  receiveMaximum: 0xff_ff,
  packetBytesMax: 0xfff_ffff,
  topicAliasMaximum: 0,
  problemInformation: true,
};

/** The state machine of one connection: login, packets, errors and the end. */
export class Session implements PacketHandler, ChannelSink {
  readonly wire: MqttConnection;
  phase: SessionPhase = "connecting";
  clientId = "";
  terms: MessageTerms = unknownTerms;
  /** Set by `Publication` at each publish; looked at after a chunk. */
  published = false;
  #parts: Parts | null = null;
  /** Made at their first use: an idle client needs neither. */
  #publication: Publication | null = null;
  #deliveries: Deliveries | null = null;
  /** Null before the first publish. */
  #throttle: PublisherThrottle | null = null;

  constructor(wire: MqttConnection) {
    this.wire = wire;
  }

  get peer(): string {
    return this.wire.peer;
  }

  get version(): Version {
    return this.wire.decoder.version;
  }

  /**
   * The reason string as a part of an acknowledgement: nothing where the client has no use for it or does not want it
   * ([MQTT-3.1.2-29]).
   */
  reason(text: string): { readonly properties?: { readonly reasonString: string } } {
    return this.version === 5 && this.terms.problemInformation ? { properties: { reasonString: text } } : {};
  }

  /** Writes a packet that is no PUBLISH and no acknowledgement of one; not where the client does not take its size. */
  write(packet: OutgoingPacket): void {
    writePacket(this.wire.outbox, packet, this.version, this.terms.packetBytesMax);
  }

  // Packets

  onPublish(packet: PublishPacket): void {
    const publication = this.#publication ?? this.#makePublication();
    if (publication !== null) publication.onPublish(packet);
  }

  onAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    if (type === packetTypes.pubrel) {
      (this.#publication ?? this.#makePublication())?.onPubrel(packetId);
      return;
    }
    const deliveries = this.#deliveries ?? this.#makeDeliveries();
    if (deliveries === null) return;
    if (type === packetTypes.puback) deliveries.onPuback(packetId, reasonCode);
    else if (type === packetTypes.pubrec) deliveries.onPubrec(packetId, reasonCode);
    else deliveries.onPubcomp(packetId, reasonCode);
  }

  onPacket(packet: RarePacket): void {
    if (packet.cmd === "connect") {
      this.#onConnect(packet);
      return;
    }
    const parts = this.#running();
    if (parts === null) return;
    switch (packet.cmd) {
      case "subscribe":
        this.await(parts.subscriptions.subscribe(packet));
        return;
      case "unsubscribe":
        this.await(parts.subscriptions.unsubscribe(packet));
        return;
      case "pingreq":
        // [MQTT-3.12.4-1]
        this.write({ cmd: "pingresp" });
        return;
      case "disconnect":
        this.#onDisconnect(parts.state, packet);
        return;
      default:
        // [MQTT-4.12.0-1]: a client that named no method with CONNECT must not send AUTH.
        throw protocolError("MQTT-4.12.0-1", "AUTH from a client that named no authentication method");
    }
  }

  #onConnect(packet: ConnectPacket): void {
    if (this.phase !== "connecting") return;
    this.phase = "authenticating";
    this.await(new Login(this, packet).run());
  }

  /** Null where nothing that the client still says matters. */
  #running(): Parts | null {
    return this.phase === "running" ? this.#parts : null;
  }

  #makePublication(): Publication | null {
    const parts = this.#running();
    if (parts === null) return null;
    const { channel, home, state } = parts;
    this.#publication = new Publication(this, channel, state, home.retained);
    return this.#publication;
  }

  #makeDeliveries(): Deliveries | null {
    const parts = this.#running();
    if (parts === null) return null;
    this.#deliveries = new Deliveries(this, parts.channel, parts.state, this.terms);
    return this.#deliveries;
  }

  #onDisconnect(state: SessionState, packet: DisconnectPacket): void {
    const expirySeconds = packet.properties?.sessionExpiryInterval;
    if (expirySeconds !== undefined) {
      // 3.14.2.2.2: a session that was to end with the connection has nothing that could be kept.
      if (state.expirySeconds === 0 && expirySeconds > 0) {
        throw protocolError("3.14.2.2.2", "DISCONNECT asks for a session expiry, and CONNECT did not");
      }
      state.expirySeconds = Math.min(expirySeconds, this.wire.host.limits.sessionExpirySecondsMax);
    }
    const wantsWill = (packet.reasonCode ?? reasonCodes.success) !== reasonCodes.success;
    this.#release(wantsWill);
    this.wire.finish("normal");
  }

  // Login

  /** The client has its session; its answer follows when that is stored. */
  entered(client: ClientConnection, home: MqttVirtualHost, state: SessionState): void {
    const { exchange, limits } = this.wire.host;
    const channel = client.openChannel(this);
    const { retained, shared, systemTopics } = home;
    const inFlightMax = Math.min(this.terms.receiveMaximum, limits.inFlightMax);
    const subscriptions = new Subscriptions({
      session: this,
      client,
      channel,
      state,
      shared,
      retained,
      systemTopics,
      inFlightMax,
      exchange,
    });
    this.#parts = { client, channel, home, state, subscriptions };
  }

  /** The login is granted: CONNACK, and what waited for the client. */
  async opened(sessionPresent: boolean, properties: ConnackProperties, keepAliveSeconds: number): Promise<void> {
    const parts = this.#parts;
    if (parts === null) return;
    this.phase = "running";
    this.#writeConnack(reasonCodes.success, sessionPresent, properties);
    this.wire.established(keepAliveSeconds);
    if (!sessionPresent) return;
    // What was under way before goes out again first ([MQTT-4.6.0-1]).
    if (parts.state.hasInFlight) this.#makeDeliveries()?.resume();
    await parts.subscriptions.restore();
  }

  /** Takes no further packet until `operation` has ended; a rejection is the failure of the packet at hand. */
  await(operation: Promise<void>): void {
    this.wire.stop(stopReasons.operation);
    operation.then(
      () => this.wire.proceed(stopReasons.operation),
      (error: unknown) => {
        this.failed(error);
        this.wire.proceed(stopReasons.operation);
      },
    );
  }

  // ChannelSink

  deliver(consumer: Consumer, message: Message, deliveryTag: number, redelivered: boolean): void {
    (this.#deliveries ?? this.#makeDeliveries())?.deliver(consumer, message, deliveryTag, redelivered);
  }

  confirm(publishSeq: number, multiple: boolean): void {
    this.#publication?.confirm(publishSeq, multiple);
  }

  refuse(publishSeq: number): void {
    this.#publication?.refuse(publishSeq);
  }

  returned(): void {}

  /** Somebody deleted the queue: subscriptions that bring nothing must not look alive. */
  cancelled(consumer: Consumer): void {
    if (this.phase === "closed") return;
    const text = `the queue '${consumer.queue.name}' of the session was deleted`;
    this.#end(reasonCodes.administrativeAction, "3.14.2.1", text);
  }

  // What the connection tells

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    const channel = this.#parts?.channel;
    if (over) channel?.pause();
    else {
      channel?.resume();
      this.wire.proceed(stopReasons.outbox);
    }
  }

  /** Everything that came has been handled. */
  chunkEnded(): void {
    if (this.phase !== "running") return;
    if (this.#deliveries !== null) this.#deliveries.chunkEnded();
    if (this.published) {
      this.published = false;
      const { broker, logger } = this.wire.host;
      this.#throttle ??= new PublisherThrottle(broker, logger, this.wire);
      this.#throttle.look();
    }
    this.#checkOutbox();
  }

  /** Stops or frees this connection as a publisher: resource alarms, and a disk that cannot keep up. */
  throttle(): void {
    if (this.phase === "running") this.#throttle?.look();
  }

  #checkOutbox(): void {
    const { limits, logger } = this.wire.host;
    const { waitingBytes } = this.wire.outbox;
    if (waitingBytes <= limits.outboxStopBytes) return;
    if (waitingBytes <= limits.outboxCutBytes) {
      this.wire.stop(stopReasons.outbox);
      return;
    }
    logger.warn({ peer: this.peer, waitingBytes }, "client does not read what it asked for, closing the connection");
    this.wire.destroy();
  }

  // Ends

  /** A packet or an operation failed: the end of the connection, with the reason where the version has one. */
  failed(error: unknown): void {
    if (this.phase === "closed") return;
    const refusal = error instanceof BrokerError ? brokerRefusal(error, "") : error;
    if (refusal instanceof MqttError) this.#end(refusal.reasonCode, refusal.clause, refusal.message);
    else {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.wire.host.logger.error({ peer: this.peer, stack }, "internal error while handling a packet");
      this.#end(reasonCodes.unspecifiedError, "", "internal error");
    }
  }

  /** The broker wants the connection gone: `shutdown`, or an operator's reason. */
  closeForced(reason: string): void {
    if (this.phase === "closed") return;
    if (reason === "shutdown") this.#end(reasonCodes.serverShuttingDown, "", "the broker is shutting down", true);
    else this.#end(reasonCodes.administrativeAction, "", reason);
  }

  /** [MQTT-3.1.4-3] another connection has come with the same client id. */
  takenOver(): void {
    if (this.phase === "closed") return;
    this.#end(reasonCodes.sessionTakenOver, "MQTT-3.1.4-3", "another connection uses the client id");
  }

  /** [MQTT-3.1.2-22] nothing came for one and a half times the keep alive. */
  peerIsSilent(): void {
    if (this.phase === "closed") return;
    this.#end(reasonCodes.keepAliveTimeout, "MQTT-3.1.2-22", "nothing came for one and a half times the keep alive");
  }

  transportClosed(): void {
    if (this.phase === "closed") return;
    if (this.phase === "running") this.#log(false, "client closed without DISCONNECT", {});
    this.#release(true);
  }

  #end(reasonCode: number, clause: string, text: string, shutdown = false): void {
    const { phase } = this;
    const code = `0x${reasonCode.toString(16).padStart(2, "0")}`;
    this.#log(!shutdown, "connection closed by the broker", { code, clause, reason: text });
    this.#release(true);
    if (phase === "running") {
      if (this.version === 5) this.write({ cmd: "disconnect", reasonCode, properties: { reasonString: text } });
    } else if (this.wire.decoder.levelKnown) this.#writeConnack(reasonCode, false, { reasonString: text });
    this.wire.finish(shutdown ? "shutdown" : "error");
  }

  /** Nothing is written where the version has no code for the refusal (MQTT 3.1.1, 3.2.2.3). */
  #writeConnack(reasonCode: number, sessionPresent: boolean, properties: ConnackProperties): void {
    if (this.version === 5) {
      const code = connackReason(reasonCode);
      this.write({ cmd: "connack", reasonCode: code, sessionPresent, properties });
      return;
    }
    const returnCode = connectReturnCode(reasonCode);
    // MQTT 3.1 has no session present flag.
    const present = sessionPresent && this.version === 4;
    if (returnCode !== null) this.write({ cmd: "connack", returnCode, sessionPresent: present });
  }

  #log(important: boolean, text: string, facts: Readonly<Record<string, string>>): void {
    const user = this.#parts?.client.user.name ?? "";
    const fields = { peer: this.peer, clientId: this.clientId, user, ...facts };
    const { logger } = this.wire.host;
    if (important) logger.warn(fields, text);
    else logger.info(fields, text);
  }

  /** Gives consumers, unacknowledged deliveries and the session back to the broker. */
  #release(wantsWill: boolean): void {
    // A client that was never let in leaves no will.
    const sendsWill = wantsWill && this.phase === "running";
    this.phase = "closed";
    this.#throttle?.release();
    const parts = this.#parts;
    this.#parts = null;
    this.#publication = null;
    this.#deliveries?.close();
    this.#deliveries = null;
    if (parts === null) return;
    parts.subscriptions.close();
    parts.client.close();
    parts.home.sessions.disconnected(parts.state, sendsWill);
  }
}
