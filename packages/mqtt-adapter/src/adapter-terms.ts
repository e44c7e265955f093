import type { Broker, Logger } from "@jackalope/core/adapter";
import type { ProtocolListenerOptions } from "@jackalope/transport";
import type { LoginTerms } from "./client-identity.ts";
import {
  type AnonymousUser,
  defaultExchange,
  defaultMqttLimits,
  defaultVirtualHost,
  type MqttAdapterOptions,
  type MqttLimits,
} from "./options.ts";
import { writeTopicPathsOnly } from "./reply-address.ts";

/** An adapter's options with their defaults, whichever its engine is. */
export class AdapterTerms implements LoginTerms {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly anonymousUser: AnonymousUser | null;
  readonly defaultVirtualHost: string;
  readonly virtualHostInUserName: boolean;
  readonly exchange: string;
  /** What its listener is made with. */
  readonly listenerTerms: Omit<ProtocolListenerOptions<never>, "connect">;

  constructor(options: MqttAdapterOptions) {
    const { broker } = options;
    this.broker = broker;
    this.logger = options.logger ?? broker.logger;
    this.limits = { ...defaultMqttLimits, ...options.limits };
    this.anonymousUser = options.anonymousUser ?? null;
    this.defaultVirtualHost = options.defaultVirtualHost ?? defaultVirtualHost;
    this.virtualHostInUserName = options.virtualHostInUserName ?? true;
    this.exchange = options.exchange ?? defaultExchange;
    const { handshakeTimeoutMs, shutdownTimeoutMs } = this.limits;
    const { clock, containment } = broker;
    const { door } = options;
    const times = { handshakeTimeoutMs, shutdownTimeoutMs };
    this.listenerTerms = { protocol: "MQTT", logger: this.logger, clock, containment, door, ...times };
    broker.mqttExchange = this.exchange;
    if (this.exchange !== defaultExchange) writeTopicPathsOnly();
  }
}
