import { BrokerError, type Channel, Tab } from "@jackalope/core/adapter";
import { brokerRefusal } from "./broker-refusal.ts";
import { MqttError } from "./mqtt-error.ts";
import type { MqttLimits } from "./options.ts";
import type { PublishPacket } from "./publish-packet.ts";
import { reasonCodes } from "./reason-codes.ts";
import { PublishTopic, RecentTopics } from "./recent-topics.ts";
import { addressOfTopic, exactTopicBytes } from "./topic-address.ts";
import { IncomingAliases } from "./topic-aliases.ts";
import { checkNoSharedFilter, checkTopicName } from "./topic-rules.ts";

/** What topics are looked up with. */
export interface TopicSettings {
  readonly limits: MqttLimits;
  /** The topic exchange that topics are routing keys of. */
  readonly exchange: string;
}

/** The topics that one client publishes to: by the bytes of the last packet, of earlier ones, or by alias. */
export class PublishTopics {
  readonly #channel: Channel;
  readonly #settings: TopicSettings;
  readonly #recent: RecentTopics;
  #last: PublishTopic | null = null;
  #aliases: IncomingAliases | null = null;

  constructor(channel: Channel, settings: TopicSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#recent = new RecentTopics(new Tab(channel.connection.payer));
  }

  /**
   * The topic of a packet with this topic alias, 0 for none. Throws MqttError where there is none, quota-exceeded where
   * the connection has no room for one more.
   */
  find(packet: PublishPacket, alias: number): PublishTopic {
    const { bytes, topicStart, topicEnd } = packet;
    if (alias !== 0 && topicStart === topicEnd) return this.#aliasesOf().get(alias);
    let topic = this.#last;
    if (topic === null || !topic.is(bytes, topicStart, topicEnd)) {
      topic = this.#recent.find(bytes, topicStart, topicEnd) ?? this.#read(bytes, topicStart, topicEnd);
      this.#last = topic;
    }
    if (alias !== 0) this.#aliasesOf().set(alias, topic);
    return topic;
  }

  /** Sets the topic's route, or returns why the client may not publish there. */
  route(topic: PublishTopic): MqttError | null {
    if (topic.text.startsWith("$SYS/")) {
      return new MqttError(reasonCodes.notAuthorized, "4.7.2", "only the broker publishes to $SYS/");
    }
    try {
      const route = this.#channel.route(topic.exchange, topic.routingKey, topic.exact);
      // What a reply topic leads to is another route, with a topic of its own.
      if (route.topicWire === null && topic.exchange !== "") route.topicWire = wireOf(topic.bytes);
      topic.route = route;
      return null;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return brokerRefusal(error, "3.3.4");
    }
  }

  #read(bytes: Buffer, start: number, end: number): PublishTopic {
    checkTopicName(bytes, start, end);
    const own = Buffer.from(bytes.subarray(start, end));
    const text = own.toString("utf8");
    checkNoSharedFilter(text, "the topic");
    const { exchange, routingKey, exact } = addressOfTopic(text, this.#settings.exchange);
    const property = exact === null ? null : exactTopicBytes(own);
    const topic = new PublishTopic(own, text, exchange, routingKey, exact, property);
    this.#recent.remember(topic);
    return topic;
  }

  #aliasesOf(): IncomingAliases {
    return (this.#aliases ??= new IncomingAliases(
      this.#settings.limits.topicAliasMaximum,
      new Tab(this.#channel.connection.payer),
    ));
  }
}

/** A topic with its length before it. */
function wireOf(topic: Buffer): Buffer {
  const wire = Buffer.allocUnsafe(2 + topic.length);
  wire.writeUInt16BE(topic.length, 0);
  wire.set(topic, 2);
  return wire;
}
