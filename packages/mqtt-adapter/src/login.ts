import { randomBytes } from "node:crypto";
import { BrokerError, type ClientConnection } from "@jackalope/core/adapter";
import { brokerRefusal } from "./broker-refusal.ts";
import { identifyClient, openClient, protocolNames } from "./client-identity.ts";
import type { ConnackProperties } from "./connack.ts";
import { MqttError } from "./mqtt-error.ts";
import { packetBytesMax } from "./options.ts";
import type { ConnectPacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Session } from "./session.ts";
import { addressOfTopic } from "./topic-address.ts";
import { checkNoSharedFilter } from "./topic-rules.ts";
import { type Will, willOf, willWithOrigin } from "./will.ts";

/** What CONNECT asks for where it says nothing. */
const receiveMaximumDefault = 0xff_ff;
const packetBytesMaxOfProtocol = 268_435_460;

/** CONNECT: who the client is, which virtual host, which session, and what both sides agree on. */
export class Login {
  readonly #session: Session;
  readonly #packet: ConnectPacket;

  constructor(session: Session, packet: ConnectPacket) {
    this.#session = session;
    this.#packet = packet;
  }

  /** Throws MqttError for whatever is refused. */
  async run(): Promise<void> {
    const session = this.#session;
    const packet = this.#packet;
    const { host, transport, stream } = session.wire;
    this.#setTerms();
    if (packet.properties?.authenticationMethod !== undefined) {
      // 4.12: no method is supported.
      throw new MqttError(reasonCodes.badAuthenticationMethod, "4.12", "extended authentication is not supported");
    }
    const clientId = this.#clientId();
    session.clientId = clientId;
    const asked = willOf(packet);
    const identity = await identifyClient(packet, transport, host);
    const { virtualHost, user } = identity;
    session.userName = user.name;
    if (session.phase !== "authenticating") return;
    const onClose = (reason: string): void => session.closeForced(reason);
    const client = openClient(
      host.broker,
      identity,
      { name: stream.name, peer: stream.peer, clientId, wire: stream },
      onClose,
    );
    const expirySeconds = this.#expirySeconds();
    const keepAliveSeconds = this.#keepAliveSeconds();
    let present: boolean;
    let lsn: number;
    try {
      this.#checkWill(client, asked);
      const will = asked === null || client.origin === null ? asked : willWithOrigin(asked, client.origin);
      const home = host.home(client.virtualHost);
      const request = { clientId, userName: user.name, cleanStart: packet.clean, expirySeconds, will };
      for (let free = home.sessions.whenFree(request); free !== undefined; free = home.sessions.whenFree(request)) {
        await free;
      }
      if (session.phase !== "authenticating") {
        client.close();
        return;
      }
      const opened = home.sessions.open(session, request);
      session.entered(client, home, opened.state);
      ({ present, lsn } = opened);
    } catch (error) {
      client.close();
      throw error;
    }
    // A session that is promised to outlive the connection does so from the answer on.
    await client.virtualHost.store.whenDurable(lsn);
    if (session.phase !== "authenticating") return;
    const version = protocolNames[session.version];
    const facts = { clientId, user: user.name, virtualHost, version, transport: transport.kind };
    stream.log.opened(facts, { sessionPresent: present });
    await session.opened(present, this.#properties(clientId, expirySeconds, keepAliveSeconds), keepAliveSeconds);
  }

  #setTerms(): void {
    const session = this.#session;
    const { properties } = this.#packet;
    session.terms = {
      version: session.version,
      receiveMaximum: properties?.receiveMaximum ?? receiveMaximumDefault,
      packetBytesMax: properties?.maximumPacketSize ?? packetBytesMaxOfProtocol,
      topicAliasMaximum: Math.min(properties?.topicAliasMaximum ?? 0, session.wire.host.limits.topicAliasMaximumOut),
      problemInformation: properties?.requestProblemInformation ?? true,
    };
  }

  #clientId(): string {
    const { clientId, clean } = this.#packet;
    const { version, wire } = this.#session;
    if (clientId === "") {
      // [MQTT-3.1.3-6]; 3.1.1 [MQTT-3.1.3-8]: a session that is to be kept needs a name. 3.1 knows no empty ones.
      if (version === 5 || (version === 4 && clean)) return `auto-${randomBytes(12).toString("base64url")}`;
      const clause = version === 4 ? "MQTT 3.1.1 MQTT-3.1.3-8" : "MQTT 3.1 3.1";
      throw new MqttError(reasonCodes.clientIdentifierNotValid, clause, "the client id is empty");
    }
    const bytesMax = wire.host.limits.clientIdBytesMax;
    if (Buffer.byteLength(clientId) > bytesMax) {
      const text = `the client id is longer than ${bytesMax} bytes`;
      throw new MqttError(reasonCodes.clientIdentifierNotValid, "MQTT-3.1.3-8", text);
    }
    return clientId;
  }

  #checkWill(client: ClientConnection, will: Will | null): void {
    if (will === null) return;
    const { topic } = will;
    if (topic.startsWith("$SYS/")) {
      throw refusedWill(new MqttError(reasonCodes.notAuthorized, willClause, "only the broker publishes to $SYS/"));
    }
    checkNoSharedFilter(topic, "the will topic");
    const { exchange, routingKey, exact } = addressOfTopic(topic, this.#session.wire.host.exchange);
    try {
      client.publishing.route(exchange, routingKey, exact);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      throw refusedWill(brokerRefusal(error, willClause));
    }
  }

  #expirySeconds(): number {
    const { version, wire } = this.#session;
    const maximum = wire.host.limits.sessionExpirySecondsMax;
    // Before version 5 a session without the clean flag has no end.
    if (version !== 5) return this.#packet.clean ? 0 : maximum;
    return Math.min(this.#packet.properties?.sessionExpiryInterval ?? 0, maximum);
  }

  /** What the connection goes by. A client of version 5 can be told of another time than it asked for. */
  #keepAliveSeconds(): number {
    const { version, wire } = this.#session;
    const asked = this.#packet.keepalive;
    const maximum = wire.host.limits.keepAliveSecondsMax;
    const tooLong = maximum > 0 && (asked === 0 || asked > maximum);
    return version === 5 && tooLong ? maximum : asked;
  }

  /** What differs from what the client assumes. */
  #properties(clientId: string, expirySeconds: number, keepAliveSeconds: number): ConnackProperties {
    const { broker, limits } = this.#session.wire.host;
    const { properties: asked, keepalive, clientId: askedId } = this.#packet;
    const properties: ConnackProperties = { maximumPacketSize: packetBytesMax(limits, broker.limits.messageBytesMax) };
    // 3.2.2.3.5
    if (limits.retainedMessagesMax === 0) properties.retainAvailable = false;
    // 3.2.2.3.2
    if (expirySeconds !== (asked?.sessionExpiryInterval ?? 0)) properties.sessionExpiryInterval = expirySeconds;
    if (limits.receiveMaximum !== receiveMaximumDefault) properties.receiveMaximum = limits.receiveMaximum;
    if (limits.topicAliasMaximum > 0) properties.topicAliasMaximum = limits.topicAliasMaximum;
    // [MQTT-3.2.2-16]
    if (askedId === "") properties.assignedClientIdentifier = clientId;
    // [MQTT-3.2.2-21]
    if (keepAliveSeconds !== keepalive) properties.serverKeepAlive = keepAliveSeconds;
    if (asked?.requestResponseInformation === true) properties.responseInformation = responsePrefix(clientId);
    return properties;
  }
}

/** A client whose will could never be published is better told at once: the server may check more than the form. */
const willClause = "MQTT-3.1.4-2";

/** The code that a PUBLISH to the will's topic would get; CONNACK has the same ones (MQTT 5, table 3-1). */
function refusedWill({ reasonCode, clause, message }: MqttError): MqttError {
  return new MqttError(reasonCode, clause, `will refused: ${message}`);
}

/**
 * Response Information (MQTT 5, 4.10.1): a client that asks for it may put its response topics below this. What no topic
 * name may hold is percent-encoded.
 */
function responsePrefix(clientId: string): string {
  return `response/${clientId.replace(/[%+#]/g, encodeURIComponent)}/`;
}
