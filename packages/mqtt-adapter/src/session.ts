import { awaitOperation, BrokerError, type ClientConnection } from "@jackalope/core/adapter";
import { brokerRefusal } from "./broker-refusal.ts";
import type { PacketHandler } from "./codec.ts";
import { type ConnackProperties, connackOf } from "./connack.ts";
import type { MqttConnection } from "./connection.ts";
import { Login } from "./login.ts";
import { type MessageTerms, unknownTerms } from "./message-session.ts";
import { MqttError, protocolError } from "./mqtt-error.ts";
import type { MqttVirtualHost } from "./mqtt-virtual-host.ts";
import { OpenSession } from "./open-session.ts";
import type { AcknowledgementType } from "./packet-types.ts";
import { writePacket } from "./packet-writer.ts";
import type { PublishPacket } from "./publish-packet.ts";
import type { ConnectPacket, DisconnectPacket, OutgoingPacket, RarePacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { SessionState } from "./session-state.ts";
import type { Version } from "./version.ts";

/**
 * Where a connection stands.
 *
 *     connecting -> authenticating -> running -> closed
 *         any of them --------------------------^
 */
export type SessionPhase = "connecting" | "authenticating" | "running" | "closed";

/** The state machine of one connection: login, packets, errors and the end. What it does when open is in `OpenSession`. */
export class Session implements PacketHandler {
  readonly wire: MqttConnection;
  phase: SessionPhase = "connecting";
  clientId = "";
  /** Who the client has proved to be, empty before. */
  userName = "";
  terms: MessageTerms = unknownTerms;
  /** Set by `Publication` at each publish; looked at after a chunk. */
  published = false;
  /** Set at login, null again when the session is closed. */
  #open: OpenSession | null = null;

  constructor(wire: MqttConnection) {
    this.wire = wire;
  }

  get peer(): string {
    return this.wire.stream.peer;
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
    this.#running()?.onPublish(packet);
  }

  onAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    this.#running()?.onAcknowledgement(type, packetId, reasonCode);
  }

  onPacket(packet: RarePacket): void {
    if (packet.cmd === "connect") {
      this.#onConnect(packet);
      return;
    }
    const open = this.#running();
    if (open === null) return;
    switch (packet.cmd) {
      case "subscribe":
        this.await(open.subscriptions.subscribe(packet));
        return;
      case "unsubscribe":
        this.await(open.subscriptions.unsubscribe(packet));
        return;
      case "pingreq":
        // [MQTT-3.12.4-1]
        this.write({ cmd: "pingresp" });
        return;
      case "disconnect":
        this.#onDisconnect(open.state, packet);
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

  /** The time for the login is over. False where the client has not asked for one, and there is nothing to answer. */
  loginTimedOut(): boolean {
    if (this.phase !== "authenticating") return false;
    this.#end(reasonCodes.serverUnavailable, "3.2.2.2", "the session could not be stored in time");
    return true;
  }

  /** Null where nothing that the client still says matters. */
  #running(): OpenSession | null {
    return this.phase === "running" ? this.#open : null;
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
    this.wire.stream.log.closed("client", "DISCONNECT");
    this.#release(wantsWill);
    this.wire.stream.finish("normal");
  }

  // Login

  /** The client has its session; its answer follows when that is stored. */
  entered(client: ClientConnection, home: MqttVirtualHost, state: SessionState): void {
    this.#open = new OpenSession(this, client, home, state);
  }

  /** The login is granted: CONNACK, and what waited for the client. */
  async opened(sessionPresent: boolean, properties: ConnackProperties, keepAliveSeconds: number): Promise<void> {
    const open = this.#open;
    if (open === null) return;
    this.phase = "running";
    this.#writeConnack(reasonCodes.success, sessionPresent, properties);
    this.wire.decoder.paidBy(open.client.payer);
    this.wire.established(keepAliveSeconds);
    open.throttle();
    if (sessionPresent) await open.resume();
  }

  /** Takes no further packet until `operation` has ended; a rejection is the failure of the packet at hand. */
  await(operation: Promise<void>): void {
    awaitOperation(this, operation);
  }

  // What the connection tells

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    this.#open?.pressure(over);
  }

  /** Everything that came has been handled. */
  chunkEnded(): void {
    const open = this.#running();
    if (open === null) return;
    open.chunkEnded();
    this.wire.stream.checkOutbox();
  }

  /** The resource alarms may have changed. */
  throttle(): void {
    this.#running()?.throttle();
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

  /** Somebody deleted the session's queue: subscriptions that bring nothing must not look alive. */
  queueDeleted(name: string): void {
    if (this.phase === "closed") return;
    this.#end(reasonCodes.administrativeAction, "3.14.2.1", `the queue '${name}' of the session was deleted`);
  }

  transportClosed(): void {
    if (this.phase === "closed") return;
    this.#release(this.#open?.wantsWill ?? true);
  }

  #end(reasonCode: number, clause: string, text: string, shutdown = false): void {
    const { phase } = this;
    const code = `0x${reasonCode.toString(16).padStart(2, "0")}`;
    const { stream } = this.wire;
    if (shutdown) stream.log.closed("broker", "shutdown");
    else stream.log.refused(text, { clientId: this.clientId, user: this.userName, code, clause });
    this.#release(true);
    if (phase === "running") {
      if (this.version === 5) this.write({ cmd: "disconnect", reasonCode, properties: { reasonString: text } });
    } else if (this.wire.decoder.levelKnown) this.#writeConnack(reasonCode, false, { reasonString: text });
    stream.finish(shutdown ? "shutdown" : "error");
  }

  #writeConnack(reasonCode: number, sessionPresent: boolean, properties: ConnackProperties): void {
    const connack = connackOf(this.version, reasonCode, sessionPresent, properties);
    if (connack !== null) this.write(connack);
  }

  #release(wantsWill: boolean): void {
    // A client that was never let in leaves no will.
    const sendsWill = wantsWill && this.phase === "running";
    const open = this.#open;
    this.phase = "closed";
    this.#open = null;
    open?.close(sendsWill);
  }
}
