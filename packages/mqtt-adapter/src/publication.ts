import { type Channel, type Lsn, Message, PublishResult, type Route, withOrigin } from "@jackalope/core/adapter";
import { arrivingPacket } from "./arriving-packet.ts";
import { Confirmations } from "./confirmations.ts";
import { mqttFormat } from "./mapping.ts";
import type { MessageSession, MessageState, RetainedTopics } from "./message-session.ts";
import { MqttError } from "./mqtt-error.ts";
import { PacketRecords } from "./packet-records.ts";
import { packetTypes } from "./packet-types.ts";
import { writeAcknowledgement } from "./packet-writer.ts";
import { PropertyFacts } from "./property-scan.ts";
import type { PublishPacket } from "./publish-packet.ts";
import { PublishTopics } from "./publish-topics.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { PublishTopic } from "./recent-topics.ts";
import { isUtf8Range } from "./utf8.ts";

/** Identifiers of packets that wait for an answer are different ones, so there are no more than this. */
const packetIdMax = 0xffff;
const none = "none";
const retained = "retain";

/** Before version 5 there is one way to say no: to close the connection. */
const oldRefusalClause = "MQTT 3.1.1 MQTT-3.3.5-2";
/** Reason codes from here on are failures. */
const failure = 0x80;

/** What a client is told that asks for reasons. */
const reasons: ReadonlyMap<number, string> = new Map([
  [reasonCodes.implementationSpecificError, "there is no exchange where the topic leads"],
  [reasonCodes.notAuthorized, "publishing to this topic is not allowed"],
  [reasonCodes.packetIdentifierNotFound, "nothing is under way with this packet identifier"],
  [reasonCodes.quotaExceeded, "a queue is full, or there are too many retained messages"],
  [reasonCodes.payloadFormatInvalid, "the payload is not UTF-8, which its format indicator says"],
]);

/** The properties of the packet at hand. One for all: they are read and used in one go. */
const facts = new PropertyFacts();

/** The publishing side of one connection: PUBLISH and PUBREL in, PUBACK, PUBREC and PUBCOMP out. */
export class Publication {
  readonly #session: MessageSession;
  readonly #channel: Channel;
  readonly #state: MessageState;
  readonly #retained: RetainedTopics;
  readonly #hasProperties: boolean;
  readonly #topics: PublishTopics;
  #confirmations: Confirmations | null = null;
  #records: PacketRecords | null = null;
  /** QoS 2 exchanges of an earlier connection, which the client need not count. */
  #leftOver = 0;
  /** What the group writes of `#publishOnce` works on. */
  #message: Message | null = null;
  #packetId = 0;
  #result = 0;
  #refusalLogged = false;

  constructor(session: MessageSession, channel: Channel, state: MessageState, retainedTopics: RetainedTopics) {
    this.#session = session;
    this.#channel = channel;
    this.#state = state;
    this.#retained = retainedTopics;
    this.#hasProperties = session.version === 5;
    this.#topics = new PublishTopics(channel, session.wire.host);
  }

  /** PUBLISH. Throws MqttError where the connection has to end. */
  onPublish(packet: PublishPacket): void {
    this.#session.published = true;
    if (this.#hasProperties) facts.scan(packet.bytes, packet.propertiesStart, packet.propertiesEnd);
    const topic = this.#topics.find(packet, this.#hasProperties ? facts.topicAlias : 0);
    const { qos } = packet;
    if (qos !== 0) this.#checkQuota(packet);
    if (qos === 2 && this.#state.received.has(packet.packetId)) return this.#answerAgain(packet.packetId);
    let { route } = topic;
    if (route === null || !this.#channel.stillValid(route)) {
      const refusal = this.#topics.route(topic);
      if (refusal !== null) return this.#refuse(packet, topic, refusal);
      route = topic.route as Route;
    }
    if (
      this.#hasProperties &&
      facts.payloadFormat === 1 &&
      !isUtf8Range(packet.bytes, packet.bodyStart, packet.bodyEnd)
    ) {
      const text = "the payload is not UTF-8, which its format indicator says";
      return this.#refuse(packet, topic, new MqttError(reasonCodes.payloadFormatInvalid, "3.3.2.3.2", text));
    }
    const message = this.#messageOf(packet, topic, route);
    if (packet.retain && topic.exchange !== "" && !this.#retained.accepts(topic.text, message)) {
      const refusal = new MqttError(reasonCodes.quotaExceeded, "3.3.1.3", "there are too many retained messages");
      if (qos !== 0) return this.#refuse(packet, topic, refusal);
      // Subscribers get it all the same.
      this.#log(topic, refusal);
    }
    if (qos === 0) this.#publishPlainly(packet, message, topic);
    else if (qos === 1) this.#publishConfirmed(packet, message, topic);
    else this.#publishOnce(packet, message, topic);
  }

  /** PUBREL: the client will not send the PUBLISH with this identifier again. */
  onPubrel(packetId: number): void {
    const { received, persistent } = this.#state;
    const known = received.delete(packetId);
    this.#state.weigh();
    if (!known) {
      const reason = this.#hasProperties ? reasonCodes.packetIdentifierNotFound : reasonCodes.success;
      this.#write(packetTypes.pubcomp, packetId, reason);
    } else if (!persistent) {
      this.#write(packetTypes.pubcomp, packetId, reasonCodes.success);
    } else {
      // With PUBCOMP the client may use the identifier again: a record that came back would swallow its next message.
      this.#expect(packetTypes.pubcomp, packetId, reasonCodes.success, this.#recordsOf().receiptEnded(packetId));
    }
  }

  // The channel's confirms

  confirm(publishSeq: number, _multiple?: boolean): void {
    const confirmations = this.#confirmations as Confirmations;
    while (confirmations.take(publishSeq)) {
      this.#write(confirmations.type, confirmations.packetId, confirmations.reasonCode);
    }
  }

  refuse(publishSeq: number, _multiple?: boolean): void {
    if (this.#hasProperties) return this.confirm(publishSeq);
    const confirmations = this.#confirmations as Confirmations;
    while (confirmations.take(publishSeq));
    const text = "a queue is full and refuses the message";
    this.#session.failed(new MqttError(reasonCodes.quotaExceeded, oldRefusalClause, text));
  }

  // Messages

  #messageOf(packet: PublishPacket, topic: PublishTopic, route: Route): Message {
    const { bytes, qos, bodyStart, bodyEnd } = packet;
    const format = mqttFormat(qos, packet.retain ? retained : none);
    let message: Message;
    if (topic.exactProperty !== null || (this.#hasProperties && facts.mustRewrite)) {
      const native = this.#rewritten(packet, topic.exactProperty);
      const nativeBytes = native.length - (bodyEnd - bodyStart);
      message = new Message(route, format, native, 0, nativeBytes, nativeBytes, native.length);
      message.owned = true;
    } else if (this.#hasProperties) {
      message = new Message(route, format, bytes, facts.nativeStart, facts.nativeEnd, bodyStart, bodyEnd);
    } else {
      message = new Message(route, format, bytes, bodyStart, bodyStart, bodyStart, bodyEnd);
    }
    message.persistent = qos !== 0;
    if (this.#hasProperties && facts.expirySeconds >= 0) message.expirationMs = facts.expirySeconds * 1000;
    const { subscriptions } = this.#state;
    if (subscriptions.anyNoLocal) message.originId = this.#state.originId;
    return message;
  }

  /** Properties and body of a message whose properties are not those of the packet, one behind the other. */
  #rewritten(packet: PublishPacket, exactProperty: Buffer | null): Buffer {
    const { bytes, bodyStart, bodyEnd } = packet;
    const prefixBytes = exactProperty === null ? 0 : exactProperty.length;
    const nativeBytes = this.#hasProperties ? facts.nativeBytes : 0;
    const own = Buffer.allocUnsafe(prefixBytes + nativeBytes + bodyEnd - bodyStart);
    if (exactProperty !== null) exactProperty.copy(own, 0);
    if (nativeBytes > 0) facts.copyNative(bytes, own, prefixBytes);
    bytes.copy(own, prefixBytes + nativeBytes, bodyStart, bodyEnd);
    return own;
  }

  #publishPlainly(packet: PublishPacket, message: Message, topic: PublishTopic): void {
    // [MQTT-3.3.1-2] MQTT 3.1 allows DUP with QoS 0, its receivers of later versions do not.
    const asItCame =
      !packet.retain && !packet.dup && topic.exchange !== "" && !(this.#hasProperties && facts.topicAlias !== 0);
    if (asItCame) arrivingPacket.begin(message, packet, this.#hasProperties);
    this.#channel.publishNow(message.route, message, false);
    if (asItCame) arrivingPacket.finish();
    else if (packet.retain) this.#retain(topic, message);
  }

  #publishConfirmed(packet: PublishPacket, message: Message, topic: PublishTopic): void {
    const result = this.#channel.publishNow(message.route, message, false);
    if ((result & PublishResult.rejected) !== 0) return this.#expectRefusal(packetTypes.puback, packet.packetId);
    const lsn = packet.retain ? Math.max(message.lsn, this.#retain(topic, message)) : message.lsn;
    this.#expect(packetTypes.puback, packet.packetId, this.#successOf(result), lsn);
  }

  #publishOnce(packet: PublishPacket, message: Message, topic: PublishTopic): void {
    const { packetId } = packet;
    this.#message = message;
    this.#packetId = packetId;
    let lsn: Lsn;
    // One group: after a crash the message and the memory of its identifier are both there, or the client sends it again.
    if (this.#state.persistent) lsn = this.#state.host.store.atomic(this.#publishAndRecord);
    else {
      this.#result = this.#channel.publishNow(message.route, message, false);
      lsn = message.lsn;
    }
    this.#message = null;
    const result = this.#result;
    if ((result & PublishResult.rejected) !== 0) return this.#expectRefusal(packetTypes.pubrec, packetId);
    this.#state.received.add(packetId);
    this.#state.weigh();
    if (packet.retain) lsn = Math.max(lsn, this.#retain(topic, message));
    this.#expect(packetTypes.pubrec, packetId, this.#successOf(result), lsn);
  }

  readonly #publishAndRecord: () => void = () => {
    const message = this.#message as Message;
    this.#result = this.#channel.publishNow(message.route, message, false);
    if ((this.#result & PublishResult.rejected) === 0) this.#recordsOf().received(this.#packetId);
  };

  /** [MQTT-3.3.1-5]; an empty body removes what was retained ([MQTT-3.3.1-6]). */
  #retain(topic: PublishTopic, message: Message): Lsn {
    if (topic.exchange === "") return 0;
    const { origin } = this.#channel.connection;
    return this.#retained.set(topic.text, origin === null ? message : withOrigin(message, origin));
  }

  #successOf(result: number): number {
    return this.#hasProperties && result === PublishResult.none
      ? reasonCodes.noMatchingSubscribers
      : reasonCodes.success;
  }

  // Answers

  /** Throws where the client has more under way than it was allowed, or than there are packet identifiers. */
  #checkQuota(packet: PublishPacket): void {
    const confirmations = (this.#confirmations ??= this.#confirming());
    const { received } = this.#state;
    const maximum = this.#hasProperties ? this.#session.wire.host.limits.receiveMaximum + this.#leftOver : packetIdMax;
    const isRepeated = packet.qos === 2 && received.has(packet.packetId);
    if (confirmations.count < packetIdMax && (isRepeated || confirmations.pubackCount + received.size < maximum))
      return;
    // [MQTT-3.3.4-9]
    throw new MqttError(
      reasonCodes.receiveMaximumExceeded,
      "MQTT-3.3.4-9",
      `more than ${maximum} messages of QoS 1 and 2 are unacknowledged`,
    );
  }

  #confirming(): Confirmations {
    this.#channel.confirmSelect();
    this.#leftOver = this.#state.received.size;
    return new Confirmations();
  }

  /** A QoS 2 PUBLISH that was published before ([MQTT-4.3.3-10]): PUBREC again, and not before that is durable. */
  #answerAgain(packetId: number): void {
    // Whatever its first PUBREC waited for was written before this.
    const lsn = this.#state.persistent ? this.#recordsOf().received(packetId) : 0;
    this.#expect(packetTypes.pubrec, packetId, reasonCodes.success, lsn);
  }

  /** Answers, or throws where the version or the QoS has no answer that says no. */
  #refuse(packet: PublishPacket, topic: PublishTopic, refusal: MqttError): void {
    if (!this.#hasProperties) throw new MqttError(refusal.reasonCode, oldRefusalClause, refusal.message);
    if (packet.qos === 0) throw refusal;
    const type = packet.qos === 1 ? packetTypes.puback : packetTypes.pubrec;
    this.#expect(type, packet.packetId, refusal.reasonCode, 0);
    this.#log(topic, refusal);
  }

  /** The client may go on for ever: one line tells the operator. */
  #log(topic: PublishTopic, refusal: MqttError): void {
    if (this.#refusalLogged) return;
    this.#refusalLogged = true;
    const { peer, wire } = this.#session;
    const { clientId } = this.#state;
    const { reasonCode, clause, message } = refusal;
    wire.host.logger.warn(
      { peer, clientId, topic: topic.text, reasonCode, clause, reason: message },
      "publish refused",
    );
  }

  #expect(type: 4 | 5 | 7, packetId: number, reasonCode: number, lsn: Lsn): void {
    const confirmations = (this.#confirmations ??= this.#confirming());
    confirmations.expect(type, packetId, reasonCode);
    this.#channel.expectConfirm(lsn);
  }

  #expectRefusal(type: 4 | 5, packetId: number): void {
    (this.#confirmations ??= this.#confirming()).expect(type, packetId, reasonCodes.quotaExceeded);
    this.#channel.expectRefusal();
  }

  #recordsOf(): PacketRecords {
    return (this.#records ??= new PacketRecords(this.#state.host, this.#state.clientId));
  }

  #write(type: 4 | 5 | 6 | 7, packetId: number, reasonCode: number): void {
    const { wire, version, terms } = this.#session;
    const reason = reasonCode < failure || !terms.problemInformation ? "" : (reasons.get(reasonCode) ?? "");
    writeAcknowledgement(wire.outbox, type, packetId, version, reasonCode, reason, terms.packetBytesMax);
  }
}
