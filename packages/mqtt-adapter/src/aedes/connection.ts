import {
  BrokerError,
  type ClientConnection,
  type Logger,
  PublisherThrottle,
  stopReasons,
} from "@jackalope/core/adapter";
import { ClientStream, type StreamOwner, type Transport, type TransportListener } from "@jackalope/transport";
import { AlarmHold, type HeldWire } from "../alarm-hold.ts";
import { brokerRefusal } from "../broker-refusal.ts";
import { type ClientIdentity, identifyClient, type LoginTerms, openClient, protocolNames } from "../client-identity.ts";
import { PacketDecoder, type PacketHandler } from "../codec.ts";
import { connackOf } from "../connack.ts";
import { KeepAlive } from "../keep-alive.ts";
import { MqttError } from "../mqtt-error.ts";
import { type MqttLimits, packetBytesMax } from "../options.ts";
import { writePacket } from "../packet-writer.ts";
import type { PublishPacket } from "../publish-packet.ts";
import { type ConnectPacket, encodePacket, type RarePacket } from "../rare-packets.ts";
import { reasonCodes } from "../reason-codes.ts";
import { checkTopicName } from "../topic-rules.ts";
import { checkConnectForAedes, withoutKeepAlive } from "./connect-check.ts";
import { PacketRelay, type RelayTarget } from "./packet-relay.ts";
import { TransportStream } from "./transport-stream.ts";

/** What all connections of an adapter share. */
export interface ConnectionHost extends LoginTerms {
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly exchange: string;
  /** Gives a client that has logged in to the aedes server of its virtual host. */
  serve(stream: TransportStream, virtualHost: string): Promise<void>;
}

type Phase = "connecting" | "authenticating" | "serving" | "ended";

/**
 * One client of the aedes engine. Its bytes go through the same gate and decoder as those of the native engine, which
 * check and bound them, and on to aedes packet by packet; CONNECT is read here, as the virtual host, and with it the
 * server, depends on it.
 *
 *     connecting -> authenticating -> serving -> ended
 *         |               |-------- refused -----> |
 *         |------- no CONNECT, not in time ------> |
 */
export class AedesConnection implements TransportListener, StreamOwner, PacketHandler, HeldWire, RelayTarget {
  readonly host: ConnectionHost;
  /** The core's side of the client, null before aedes has asked for it. */
  client: ClientConnection | null = null;
  /** The topic of the will in CONNECT, null where there is none. */
  willTopic: string | null = null;
  /** aedes has finished with the client. */
  onGone: () => void = () => undefined;
  /** Shows packets to the alarm's hold, and to aedes those that it lets through. */
  readonly decoder: PacketRelay;
  readonly #transport: Transport;
  readonly #wire: ClientStream;
  readonly #decoder: PacketDecoder;
  #phase: Phase = "connecting";
  #identity: ClientIdentity | null = null;
  /** Where aedes reads. */
  #stream: TransportStream | null = null;
  #keepAlive: KeepAlive | null = null;
  #hold: AlarmHold | null = null;
  /** There is one as soon as the client has published, or an alarm is on. */
  #throttle: PublisherThrottle | null = null;
  /** There is a PUBLISH in the bytes at hand. */
  #published = false;

  constructor(transport: Transport, host: ConnectionHost) {
    const { broker, logger, limits } = host;
    this.host = host;
    this.#transport = transport;
    this.decoder = new PacketRelay(broker.turn.budget, this);
    const decoder = new PacketDecoder(limits.connectPacketBytesMax, this);
    decoder.hold = this.decoder;
    this.#decoder = decoder;
    this.#wire = new ClientStream({ transport, broker, logger, limits, decoder, owner: this });
  }

  /** Makes the core's side of the client, once aedes knows what it is called. Throws MqttError. */
  open(clientId: string, onClose: (reason: string) => void): ClientConnection {
    if (this.#identity === null) throw new Error("the client was not identified");
    const { name, peer, log } = this.#wire;
    this.client = openClient(this.host.broker, this.#identity, { name, peer, clientId, wire: this.#wire }, onClose);
    this.#decoder.paidBy(this.client.payer);
    const { user, virtualHost, version } = this.#identity;
    const facts = { clientId, user: user.name, virtualHost, version: protocolNames[version] };
    log.opened({ ...facts, transport: this.#transport.kind }, { engine: "aedes" });
    return this.client;
  }

  /** aedes has answered CONNECT: it takes what follows. */
  admitted(): void {
    this.throttle();
    this.#wire.proceed(stopReasons.operation);
  }

  /** The alarms have changed: while one is on, publishes wait here, and the rest is served. */
  throttle(): void {
    if (this.#phase !== "serving") return;
    if (this.#throttle !== null || this.host.broker.alarms.blocked) this.#throttled.look();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#wire.destroy();
  }

  /** aedes has room for more. */
  streamWants(): void {
    // Not at once: aedes reads from inside of its parser, which must not meet what comes next there.
    process.nextTick(() => this.#wire.proceed(stopReasons.engine));
  }

  // RelayTarget

  take(packets: Buffer): void {
    if (this.#phase !== "serving") return;
    this.#stream?.push(packets);
    this.#wire.stop(stopReasons.engine);
  }

  // HeldWire

  holding(holds: boolean): void {
    this.#keepAlive?.holding(holds);
  }

  // StreamOwner

  failed(error: unknown): void {
    this.#refuse(error);
  }

  chunkEnded(drained: boolean): void {
    this.decoder.flush();
    if (drained && !this.#decoder.stopped) this.#decoder.release();
    if (!this.#published || this.#phase !== "serving") return;
    this.#published = false;
    this.#throttled.published();
  }

  listening(listens: boolean): void {
    this.#keepAlive?.listening(listens);
  }

  /** What aedes writes does not go through the outbox. */
  pressure(): void {}

  sending(): null {
    return null;
  }

  ended(): void {
    this.#keepAlive?.stop();
  }

  // TransportListener

  onData(chunk: Buffer): void {
    if (this.#wire.isEnded) return;
    if (this.#keepAlive !== null) this.#keepAlive.received = true;
    this.#wire.push(chunk);
  }

  onHandshakeTimeout(): void {
    this.#wire.loginTimedOut();
  }

  onClose(): void {
    const stream = this.#stream;
    if (this.#phase === "serving" && stream !== null) {
      // What is still to be read may be a DISCONNECT, without which the will is published.
      this.#wire.handleRest();
      this.decoder.flush();
      // One that is held behind publishes ends the client as well as they end with it.
      if (this.#hold?.goodbye === reasonCodes.success) stream.push(encodePacket({ cmd: "disconnect" }, 4));
    }
    this.#endStream();
    this.#wire.closed(() => {});
  }

  // PacketHandler

  onPacket(packet: RarePacket): void {
    if (packet.cmd === "connect") this.#onConnect(packet);
    else {
      if (packet.cmd === "disconnect") this.#wire.log.closed("client", "DISCONNECT");
      this.decoder.pass();
    }
  }

  onPublish(packet: PublishPacket): void {
    this.#published = true;
    checkTopicName(packet.bytes, packet.topicStart, packet.topicEnd);
    this.decoder.pass();
  }

  onAcknowledgement(): void {
    this.decoder.pass();
  }

  #onConnect(packet: ConnectPacket): void {
    checkConnectForAedes(packet, this.host.limits);
    this.#phase = "authenticating";
    this.#wire.stop(stopReasons.operation);
    const bytes = withoutKeepAlive(this.decoder.packet);
    const login = this.#login(packet, bytes).catch((error: unknown) => this.#refuse(error));
    this.host.broker.containment.watch("session", login, () => this.destroy());
  }

  async #login(packet: ConnectPacket, bytes: Buffer): Promise<void> {
    const { host } = this;
    const { broker, limits, logger } = host;
    const identity = await identifyClient(packet, this.#transport, host);
    if (this.#phase !== "authenticating") return;
    // aedes sends what it has for a session at once, and another broker may have sent that.
    if (!packet.clean && !broker.store.ownership.check()) {
      throw new MqttError(reasonCodes.serverUnavailable, "MQTT 3.1.1 3.2.2.3", "the lease of the store is not renewed");
    }
    this.#identity = identity;
    this.willTopic = packet.will?.topic ?? null;
    const stream = new TransportStream(this.#transport, this);
    stream.once("close", () => this.#streamClosed());
    // aedes listens too, but not from the beginning to the end, and an 'error' that nobody hears ends the process.
    stream.on("error", (error) => logger.debug({ peer: this.#wire.peer, error: error.message }, "stream error"));
    await host.serve(stream, identity.virtualHost);
    if (this.#phase !== "authenticating") {
      stream.destroy();
      return;
    }
    this.#phase = "serving";
    this.#transport.loggedIn();
    this.#decoder.packetBytesMax = packetBytesMax(limits, broker.limits.messageBytesMax);
    this.#stream = stream;
    stream.push(bytes);
    // [MQTT-3.1.2-24] of 3.1.1; 0 turns it off.
    if (packet.keepalive === 0) return;
    this.#keepAlive = new KeepAlive(broker.clock, packet.keepalive, () => {
      this.#wire.cut("nothing came for one and a half times the keep alive", { clause: "MQTT-3.1.2-24" });
    });
    this.#keepAlive.listening(false);
  }

  /** aedes reads what it was given, and then the end. */
  #endStream(): void {
    const stream = this.#stream;
    this.#phase = "ended";
    this.#throttle?.release();
    this.#stream = null;
    if (stream === null) return;
    stream.push(null);
    const timer = this.host.broker.clock.after(this.host.limits.closeTimeoutMs, () => stream.destroy());
    stream.once("close", () => timer.cancel());
  }

  #streamClosed(): void {
    // aedes publishes the will behind this, in the client's name.
    setImmediate(() => {
      const { containment } = this.host.broker;
      containment.run("session", this.onGone);
      containment.run("session", () => this.client?.close());
    });
  }

  get #throttled(): PublisherThrottle {
    if (this.#throttle !== null) return this.#throttle;
    const { broker, logger } = this.host;
    const hold = new AlarmHold(this);
    this.#hold = hold;
    const showFrames = hold.showFrames.bind(hold);
    this.#throttle = new PublisherThrottle({ broker, logger, connection: this.#wire, showFrames });
    return this.#throttle;
  }

  /** Ends the connection, with a CONNACK where the client has had no answer yet and there is one that says it. */
  #refuse(error: unknown): void {
    if (this.#phase === "ended") return;
    const answers = this.#phase !== "serving" && this.#decoder.levelKnown;
    this.decoder.flush();
    const refusal = error instanceof BrokerError ? brokerRefusal(error, "") : error;
    const known = refusal instanceof MqttError ? refusal : null;
    const reason = known?.message ?? "internal error";
    const { log, peer, outbox } = this.#wire;
    if (known === null)
      this.host.logger.error({ peer, error: String(error) }, "internal error while handling a packet");
    log.refused(reason, { clause: known?.clause ?? "" });
    if (answers) {
      const { version } = this.#decoder;
      const code = known?.reasonCode ?? reasonCodes.serverUnavailable;
      const connack = connackOf(version, code, false, { reasonString: reason });
      if (connack !== null) writePacket(outbox, connack, version);
    }
    this.#endStream();
    this.#wire.finish("error");
  }
}
