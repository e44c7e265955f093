import type { Logger, Lsn, Message, Outbox, Queue, VirtualHost } from "@jackalope/core/adapter";
import type { InFlight } from "./in-flight.ts";
import type { MqttLimits } from "./options.ts";
import type { SubscriptionSet } from "./subscription-set.ts";
import type { Version } from "./version.ts";

/** What CONNECT said about the messages of its connection. */
export interface MessageTerms {
  readonly version: Version;
  /** Unacknowledged deliveries of QoS 1 and 2 that the client allows. */
  readonly receiveMaximum: number;
  /** The largest packet that the client takes. */
  readonly packetBytesMax: number;
  /** Topic aliases that the client takes. */
  readonly topicAliasMaximum: number;
  /** True where the client wants reason strings with acknowledgements too. */
  readonly problemInformation: boolean;
}

/** Before CONNECT: nothing that keeps a refusal from being said. */
export const unknownTerms: MessageTerms = {
  version: 5,
  receiveMaximum: 0xff_ff,
  packetBytesMax: 0xfff_ffff,
  topicAliasMaximum: 0,
  problemInformation: true,
};

/** What publishing and delivering need of the connection that they belong to. */
export interface MessageSession {
  readonly wire: {
    readonly outbox: Outbox;
    readonly host: {
      readonly limits: MqttLimits;
      readonly logger: Logger;
      /** The topic exchange that topics are routing keys of. */
      readonly exchange: string;
    };
  };
  readonly peer: string;
  readonly version: Version;
  readonly terms: MessageTerms;
  /** Set at each publish; looked at after a chunk. */
  published: boolean;
  /** Ends the connection, for what is found outside of a packet's handling: throwing is for what is found inside. */
  failed(error: unknown): void;
}

/** What publishing and delivering need of the session state, which outlives connections. */
export interface MessageState {
  readonly clientId: string;
  readonly host: VirtualHost;
  /** True where the session outlives its connection. */
  readonly persistent: boolean;
  /** The session's own queue, null before its first subscription. */
  readonly queue: Queue | null;
  readonly subscriptions: SubscriptionSet;
  /** Packet identifiers of QoS 2 publishes whose PUBREL has not come. */
  readonly received: Set<number>;
  readonly inFlight: InFlight;
  /** True where something was in flight since the session was made. */
  readonly hasInFlight: boolean;
  /** What this session's messages carry where a subscription must not get them; never 0. */
  readonly originId: number;
  /** `received` or `inFlight` has changed: what the session weighs is entered anew. */
  weigh(): void;
}

/** Keeps the last message of each topic. */
export interface RetainedTopics {
  /** False where the message would pass a bound. */
  accepts(topic: string, message: Message): boolean;
  /** Takes over the message as the one retained for `topic`; an empty body removes it. Returns when that is durable. */
  set(topic: string, message: Message): Lsn;
}
