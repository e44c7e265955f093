import {
  type Channel,
  type ChannelSink,
  type ClientConnection,
  type Consumer,
  type Message,
  PublisherThrottle,
} from "@jackalope/core/adapter";
import { AlarmHold } from "./alarm-hold.ts";
import { Deliveries } from "./deliveries.ts";
import type { MqttVirtualHost } from "./mqtt-virtual-host.ts";
import { type AcknowledgementType, packetTypes } from "./packet-types.ts";
import { Publication } from "./publication.ts";
import type { PublishPacket } from "./publish-packet.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Session } from "./session.ts";
import type { SessionState } from "./session-state.ts";
import { Subscriptions } from "./subscriptions.ts";

/**
 * What a connection has of the broker from its login on: a channel, the state of its session, and the three things that
 * clients do, which are to publish, to subscribe and to take messages.
 */
export class OpenSession implements ChannelSink {
  readonly client: ClientConnection;
  readonly state: SessionState;
  readonly subscriptions: Subscriptions;
  readonly #session: Session;
  readonly #home: MqttVirtualHost;
  readonly #channel: Channel;
  /** Made at their first use: an idle client needs neither. */
  #publication: Publication | null = null;
  #deliveries: Deliveries | null = null;
  #hold: AlarmHold | null = null;
  /** Null before the first publish, and before the first alarm. */
  #throttle: PublisherThrottle | null = null;

  constructor(session: Session, client: ClientConnection, home: MqttVirtualHost, state: SessionState) {
    const { exchange, limits } = session.wire.host;
    const channel = client.openChannel(this);
    const { retained, shared, systemTopics } = home;
    const inFlightMax = Math.min(session.terms.receiveMaximum, limits.inFlightMax);
    this.client = client;
    this.state = state;
    this.#session = session;
    this.#home = home;
    this.#channel = channel;
    this.subscriptions = new Subscriptions({
      session,
      client,
      channel,
      state,
      shared,
      retained,
      systemTopics,
      inFlightMax,
      exchange,
    });
  }

  // Packets

  onPublish(packet: PublishPacket): void {
    (this.#publication ?? this.#makePublication()).onPublish(packet);
  }

  onAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    if (type === packetTypes.pubrel) {
      (this.#publication ?? this.#makePublication()).onPubrel(packetId);
      return;
    }
    const deliveries = this.#deliveries ?? this.#makeDeliveries();
    if (deliveries === null) return;
    if (type === packetTypes.puback) deliveries.onPuback(packetId, reasonCode);
    else if (type === packetTypes.pubrec) deliveries.onPubrec(packetId, reasonCode);
    else deliveries.onPubcomp(packetId, reasonCode);
  }

  /** The client is back and knows it: it gets what was under way, then what has come since. */
  async resume(): Promise<void> {
    // [MQTT-4.6.0-1]
    if (this.state.hasInFlight) this.#makeDeliveries()?.resume();
    await this.subscriptions.restore();
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

  cancelled(consumer: Consumer): void {
    this.#session.queueDeleted(consumer.queue.name);
  }

  failed(error: unknown): void {
    this.#session.failed(error);
  }

  // What the session tells

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    if (over) this.#channel.pause();
    else this.#channel.resume();
  }

  /** Everything that came has been handled. */
  chunkEnded(): void {
    if (this.#deliveries !== null) this.#deliveries.chunkEnded();
    const session = this.#session;
    if (!session.published) return;
    session.published = false;
    this.#throttled.published();
  }

  /** The resource alarms may have changed. */
  throttle(): void {
    if (this.#throttle !== null || this.#session.wire.host.broker.alarms.blocked) this.#throttled.look();
  }

  get #throttled(): PublisherThrottle {
    const { wire } = this.#session;
    const { broker, logger } = wire.host;
    if (this.#throttle !== null) return this.#throttle;
    const hold = new AlarmHold(wire);
    this.#hold = hold;
    const showFrames = hold.showFrames.bind(hold);
    this.#throttle = new PublisherThrottle({ broker, logger, connection: wire.stream, showFrames });
    return this.#throttle;
  }

  /** False where the client has said a goodbye that means no will, and which waits for the end of an alarm. */
  get wantsWill(): boolean {
    return (this.#hold?.goodbye ?? null) !== reasonCodes.success;
  }

  /** Gives consumers, unacknowledged deliveries and the session back to the broker. */
  close(sendsWill: boolean): void {
    this.#throttle?.release();
    this.#publication = null;
    this.#deliveries?.close();
    this.#deliveries = null;
    this.subscriptions.close();
    const { sessions } = this.#home;
    const closing = this.client.close();
    if (closing === null) return sessions.disconnected(this.state, sendsWill);
    this.state.leaving = closing.over.then(() => {
      this.state.leaving = null;
      sessions.disconnected(this.state, sendsWill);
    });
    this.client.broker.containment.watch("session", this.state.leaving);
  }

  #makePublication(): Publication {
    this.#publication = new Publication(this.#session, this.#channel, this.state, this.#home.retained);
    return this.#publication;
  }

  /** Null where the client takes nothing any more: what queues hand to a connection that ends goes back to them. */
  #makeDeliveries(): Deliveries | null {
    if (this.#session.phase !== "running") return null;
    this.#deliveries = new Deliveries(this.#session, this.#channel, this.state, this.#session.terms);
    return this.#deliveries;
  }
}
