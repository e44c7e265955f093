import type { Channel, Consumer, Message } from "@jackalope/core/adapter";
import { AcknowledgedDeliveries } from "./acknowledged-deliveries.ts";
import { arrivingPacket } from "./arriving-packet.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import { LateSettlements } from "./late-settlements.ts";
import { MqttFormat } from "./mapping.ts";
import type { MessageSession, MessageState, MessageTerms } from "./message-session.ts";
import type { Subscription } from "./subscription.ts";
import { type Match, matchOfOne } from "./subscription-set.ts";

/**
 * The delivering side of one connection. QoS and flags of a message come from its publisher and from the subscriptions
 * that it matches; QoS 0 is written at once, QoS 1 and 2 go their way in acknowledged-deliveries.ts.
 *
 * Made when the channel of the session's last connection is closed.
 */
export class Deliveries {
  readonly #session: MessageSession;
  readonly #state: MessageState;
  readonly #terms: MessageTerms;
  readonly #hasProperties: boolean;
  readonly #writer: DeliveryWriter;
  readonly #settlements: LateSettlements;
  readonly #channel: Channel;
  #acknowledged: AcknowledgedDeliveries | null = null;
  #sharedSubscription: Subscription | null = null;
  #sharedMatch: Match | null = null;
  #oversizedLogged = false;

  constructor(session: MessageSession, channel: Channel, state: MessageState, terms: MessageTerms) {
    this.#session = session;
    this.#channel = channel;
    this.#state = state;
    this.#terms = terms;
    this.#hasProperties = terms.version === 5;
    const { limits } = session.wire.host;
    const aliases = Math.min(terms.topicAliasMaximum, limits.topicAliasMaximumOut);
    const { clock } = state.host.store;
    this.#writer = new DeliveryWriter(session.wire.outbox, clock, this.#hasProperties, terms.packetBytesMax, aliases);
    this.#settlements = new LateSettlements(channel, state.host.turn);
    // What an earlier connection left under way.
    if (state.hasInFlight) this.#acknowledged = this.#acknowledging();
  }

  /** A message for the client, as `ChannelSink.deliver` brings it. */
  deliver(consumer: Consumer, message: Message, tag: number, _redelivered: boolean): void {
    const subscription = consumer.adapterState as Subscription | null;
    const match = subscription === null ? this.#state.subscriptions.match(message) : this.#matchOf(subscription);
    // The bytes as they came, where a subscription asks for nothing else.
    if (
      message === arrivingPacket.message &&
      arrivingPacket.hasProperties === this.#hasProperties &&
      (match.identifiers === null || !this.#hasProperties) &&
      !match.noLocal &&
      this.#writer.copiesPackets
    ) {
      if (!this.#writer.copy(arrivingPacket.view)) this.#oversized();
      return;
    }
    if (match.noLocal && message.originId === this.#state.originId) this.#deliverOwn(consumer, message, tag);
    else this.#deliverWritten(consumer, message, tag, match, subscription !== null);
  }

  /** PUBACK; `reasonCode` says whether the client could use the message, which ends the delivery all the same. */
  onPuback(packetId: number, _reasonCode: number): void {
    this.#acknowledged?.onPuback(packetId);
  }

  onPubrec(packetId: number, reasonCode: number): void {
    (this.#acknowledged ??= this.#acknowledging()).onPubrec(packetId, reasonCode);
  }

  onPubcomp(packetId: number, _reasonCode: number): void {
    this.#acknowledged?.onPubcomp(packetId);
  }

  /** The client knows that its session is back: what was under way is repeated ([MQTT-4.4.0-1]). */
  resume(): void {
    this.#acknowledged?.resume();
  }

  /** Everything that came from the client has been handled. */
  chunkEnded(): void {
    this.#acknowledged?.endLost();
  }

  /** The connection ends; the channel is still open. */
  close(): void {
    this.#acknowledged?.close();
    this.#acknowledged = null;
  }

  /** [MQTT-3.8.3-3] what the session published itself goes by the subscriptions that want it. */
  #deliverOwn(consumer: Consumer, message: Message, tag: number): void {
    const match = this.#state.subscriptions.matchOwn(message);
    if (match === null) this.#settle(consumer.settlesAtOnce(message), tag);
    else this.#deliverWritten(consumer, message, tag, match, false);
  }

  #deliverWritten(consumer: Consumer, message: Message, tag: number, match: Match, shared: boolean): void {
    const settled = consumer.settlesAtOnce(message);
    const { format } = message;
    let qos: 0 | 1 | 2 = message.persistent ? 1 : 0;
    let retain = false;
    let { identifiers } = match;
    if (format instanceof MqttFormat) {
      ({ qos } = format);
      if (format.retain === "retained") {
        // Made for one subscription, whose QoS and identifier it has.
        retain = true;
        identifiers = null;
      } else {
        // [MQTT-3.3.1-12], [MQTT-3.3.1-13]; before version 5 the flag is for new subscriptions only.
        retain = format.retain === "retain" && match.retainAsPublished;
        if (match.qos < qos) ({ qos } = match);
      }
    } else if (match.qos < qos) ({ qos } = match);
    if (message.expirationMs >= 0 && message.publishedAtMs !== 0 && this.#hasExpired(message)) {
      // [MQTT-3.3.2-5]
      this.#state.host.totals.dropped.expired++;
      return this.#settle(settled, tag);
    }
    if (qos === 0 || settled) {
      if (!this.#writer.write(message, 0, retain, false, 0, identifiers)) this.#oversized();
      this.#settle(settled, tag);
    } else {
      const acknowledged = (this.#acknowledged ??= this.#acknowledging());
      acknowledged.deliver(message, tag, qos, retain, identifiers, shared);
    }
  }

  #settle(settled: boolean, tag: number): void {
    if (!settled) this.#settlements.add(tag);
  }

  #hasExpired(message: Message): boolean {
    return message.publishedAtMs + message.expirationMs <= this.#state.host.store.clock.nowMs();
  }

  #matchOf(subscription: Subscription): Match {
    if (this.#sharedSubscription !== subscription) {
      this.#sharedSubscription = subscription;
      this.#sharedMatch = matchOfOne(subscription);
    }
    return this.#sharedMatch as Match;
  }

  /** [MQTT-3.1.2-25] as if it had been sent. */
  #oversized(): void {
    this.#state.host.totals.dropped.oversized++;
    if (this.#oversizedLogged) return;
    this.#oversizedLogged = true;
    const { peer, wire } = this.#session;
    const { clientId } = this.#state;
    const fields = { peer, clientId, packetBytesMax: this.#terms.packetBytesMax };
    wire.host.logger.warn(fields, "messages are dropped that are larger than the client takes");
  }

  #acknowledging(): AcknowledgedDeliveries {
    const { wire, version } = this.#session;
    const { limits } = wire.host;
    return new AcknowledgedDeliveries(this.#channel, this.#state, {
      outbox: wire.outbox,
      version,
      writer: this.#writer,
      settlements: this.#settlements,
      inFlightMax: Math.min(this.#terms.receiveMaximum, limits.inFlightMax),
      oversized: () => this.#oversized(),
    });
  }
}
