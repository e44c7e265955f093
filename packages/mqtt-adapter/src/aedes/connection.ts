import { type ClientConnection, ConnectionLog, type Logger, type Timer } from "@jackalope/core/adapter";
import type { Transport, TransportListener } from "@jackalope/transport";
import { PacketDecoder, type PacketHandler } from "../codec.ts";
import { MqttError } from "../mqtt-error.ts";
import type { PublishPacket } from "../publish-packet.ts";
import { type ConnectPacket, encodePacket, type RarePacket } from "../rare-packets.ts";
import { connectReturnCode, reasonCodes } from "../reason-codes.ts";
import { checkTopicName } from "../topic-rules.ts";
import { type ClientIdentity, identifyClient, type LoginTerms, openClient, protocolNames } from "../client-identity.ts";
import { type MqttLimits, packetBytesMax } from "../options.ts";
import { checkConnectForAedes } from "./connect-check.ts";
import { TransportStream } from "./transport-stream.ts";

/** What all connections of an adapter share. */
export interface ConnectionHost extends LoginTerms {
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly exchange: string;
  /** Gives a client that has logged in to the aedes server of its virtual host. */
  serve(stream: TransportStream, virtualHost: string): Promise<void>;
}

/** Pieces in which what comes during the login is kept. */
const heldChunksMax = 16;

type Phase = "connecting" | "authenticating" | "serving" | "ended";

/**
 * One client of the aedes engine. Its bytes go through the same decoder as those of the native engine, which checks and
 * bounds them, and on to aedes; CONNECT is read here, as the virtual host, and with it the server, depends on it.
 *
 *     connecting -> authenticating -> serving -> ended
 *         |               |-------- refused -----> |
 *         |------- no CONNECT, not in time ------> |
 */
export class AedesConnection implements TransportListener, PacketHandler {
  readonly host: ConnectionHost;
  /** `address:port` of the client. */
  readonly peer: string;
  /** The core's side of the client, null before aedes has asked for it. */
  client: ClientConnection | null = null;
  /** The topic of the will in CONNECT, null where there is none. */
  willTopic: string | null = null;
  /** aedes has finished with the client. */
  onGone: () => void = () => undefined;
  readonly #log: ConnectionLog;
  #phase: Phase = "connecting";
  #identity: ClientIdentity | null = null;
  readonly #transport: Transport;
  readonly #decoder: PacketDecoder;
  #stream: TransportStream | null = null;
  /** What came before aedes has the connection. */
  #held: Buffer[] = [];
  #timer: Timer | null = null;
  /** There is a PUBLISH in the bytes at hand. */
  #published = false;
  /** What came with the first publish of an alarm, and since then. */
  #blocked: Buffer[] = [];
  #streamFull = false;
  #paused = false;

  constructor(transport: Transport, host: ConnectionHost) {
    this.host = host;
    this.#transport = transport;
    this.peer = `${transport.remoteAddress}:${transport.remotePort}`;
    const { broker, logger } = host;
    this.#log = new ConnectionLog({ broker, logger, peer: this.peer, remoteAddress: transport.remoteAddress });
    this.#decoder = new PacketDecoder(host.limits.connectPacketBytesMax, this);
  }

  /** Makes the core's side of the client, once aedes knows what it is called. Throws MqttError. */
  open(clientId: string, onClose: (reason: string) => void): ClientConnection {
    if (this.#identity === null) throw new Error("the client was not identified");
    const { localAddress, localPort } = this.#transport;
    const name = `${this.peer} -> ${localAddress}:${localPort}`;
    this.client = openClient(this.host.broker, this.#identity, { name, peer: this.peer, clientId }, onClose);
    const { user, virtualHost, version } = this.#identity;
    const facts = { clientId, user: user.name, virtualHost, version: protocolNames[version] };
    this.#log.opened({ ...facts, transport: this.#transport.kind }, { engine: "aedes" });
    return this.client;
  }

  /** The alarms have changed: from its next publish on a client is not read from while one is on. */
  throttle(): void {
    if (this.host.broker.alarms.blocked || this.#phase !== "serving") return;
    for (const chunk of this.#blocked) if (this.#stream?.push(chunk) === false) this.#streamFull = true;
    this.#blocked = [];
    this.#applyPause();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#transport.destroy();
  }

  /** aedes has room for more. */
  streamWants(): void {
    this.#streamFull = false;
    this.#applyPause();
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.#phase === "ended") return;
    this.#decoder.push(chunk);
    if (this.#stream === null) this.#hold(chunk);
    this.#published = false;
    if (!this.#decode() || this.#stream === null) return;
    const blocked = this.#published && this.host.broker.alarms.blocked;
    if (blocked || this.#blocked.length > 0) this.#blocked.push(chunk);
    else if (!this.#stream.push(chunk)) this.#streamFull = true;
    this.#applyPause();
  }

  onHandshakeTimeout(): void {
    this.#log.refused("the login was not over in time (handshake-timeout)");
    this.destroy();
  }

  onClose(): void {
    this.#phase = "ended";
    this.#log.closed("client", "the stream ended without a goodbye");
    this.#timer?.cancel();
    this.#timer = null;
    this.#held = [];
    this.#blocked = [];
    this.#decoder.drop();
    const stream = this.#stream;
    if (stream === null) return;
    // What is still to be read may be a DISCONNECT, without which the will is published.
    stream.push(null);
    const timer = this.host.broker.clock.after(this.host.limits.closeTimeoutMs, () => stream.destroy());
    stream.once("close", () => timer.cancel());
  }

  // PacketHandler

  onPacket(packet: RarePacket): void {
    if (packet.cmd === "disconnect") this.#log.closed("client", "DISCONNECT");
    if (packet.cmd !== "connect") return;
    checkConnectForAedes(packet, this.host.limits);
    this.#phase = "authenticating";
    this.#decoder.stopped = true;
    this.#transport.pause();
    const login = this.#login(packet).catch((error: unknown) => this.#refuse(error));
    this.host.broker.containment.watch("session", login, () => this.destroy());
  }

  onPublish(packet: PublishPacket): void {
    this.#published = true;
    checkTopicName(packet.bytes, packet.topicStart, packet.topicEnd);
  }

  onAcknowledgement(): void {}

  async #login(packet: ConnectPacket): Promise<void> {
    const { host } = this;
    const identity = await identifyClient(packet, this.#transport, host);
    if (this.#phase !== "authenticating") return;
    // aedes sends what it has for a session at once, and another broker may have sent that.
    if (!packet.clean && !host.broker.store.ownership.check()) {
      throw new MqttError(reasonCodes.serverUnavailable, "MQTT 3.1.1 3.2.2.3", "the lease of the store is not renewed");
    }
    this.#identity = identity;
    this.willTopic = packet.will?.topic ?? null;
    const stream = new TransportStream(this.#transport, this);
    stream.once("close", () => this.#streamClosed());
    // aedes listens too, but not from the beginning to the end, and an 'error' that nobody hears ends the process.
    stream.on("error", (error) => this.host.logger.debug({ peer: this.peer, error: error.message }, "stream error"));
    await host.serve(stream, identity.virtualHost);
    if (this.#phase !== "authenticating") {
      stream.destroy();
      return;
    }
    this.#phase = "serving";
    this.#transport.loggedIn();
    this.#decoder.packetBytesMax = packetBytesMax(host.limits, host.broker.limits.messageBytesMax);
    this.#decoder.stopped = false;
    if (!this.#decode()) return;
    this.#stream = stream;
    for (const chunk of this.#held) if (!stream.push(chunk)) this.#streamFull = true;
    this.#held = [];
    this.#paused = true;
    this.#applyPause();
  }

  #streamClosed(): void {
    // aedes publishes the will behind this, in the client's name.
    setImmediate(() => {
      const { containment } = this.host.broker;
      containment.run("session", this.onGone);
      containment.run("session", () => this.client?.close());
    });
  }

  /** A packet that comes byte by byte must not cost a buffer for each. */
  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    if (this.#held.length > heldChunksMax) this.#held = [Buffer.concat(this.#held)];
  }

  /** False where the bytes were no packets. */
  #decode(): boolean {
    try {
      this.#decoder.run();
      return true;
    } catch (error) {
      this.#refuse(error);
      return false;
    }
  }

  /** Ends the connection, with a CONNACK where the client has had no answer yet and there is one that says it. */
  #refuse(error: unknown): void {
    if (this.#phase === "ended") return;
    const answers = this.#phase !== "serving" && this.#decoder.levelKnown;
    this.#phase = "ended";
    const known = error instanceof MqttError ? error : null;
    const reason = known?.message ?? "internal error";
    if (known === null) {
      this.host.logger.error({ peer: this.peer, error: String(error) }, "internal error while a client logged in");
    }
    this.#log.refused(reason, { clause: known?.clause ?? "" });
    if (answers) this.#writeConnack(known?.reasonCode ?? reasonCodes.serverUnavailable, reason);
    this.#transport.end("error");
    this.#timer = this.host.broker.clock.after(this.host.limits.closeTimeoutMs, () => this.destroy());
    // Unread bytes would turn the end into a reset, which can overtake the CONNACK.
    this.#transport.resume();
  }

  #writeConnack(reasonCode: number, reasonString: string): void {
    const { version } = this.#decoder;
    const returnCode = connectReturnCode(reasonCode);
    const sessionPresent = false;
    if (version === 5) {
      const properties = { reasonString };
      this.#write(encodePacket({ cmd: "connack", reasonCode, sessionPresent, properties }, version));
    } else if (returnCode !== null) {
      this.#write(encodePacket({ cmd: "connack", returnCode, sessionPresent }, version));
    }
  }

  #write(bytes: Buffer): void {
    this.#transport.write(bytes, null, () => undefined);
  }

  #applyPause(): void {
    if (this.#phase !== "serving") return;
    const pause = this.#streamFull || this.#blocked.length > 0;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }
}
