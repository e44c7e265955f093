import type { Broker } from "@jackalope/core";
import {
  createMqttAdapter,
  type ListenOptions,
  type MqttAdapter,
  type MqttAdapterOptions,
  type MqttLimits,
} from "@jackalope/mqtt-adapter";
import type { Door } from "@jackalope/transport";
import type { Config } from "./config/config.ts";
import type { PortOpener } from "./port-opener.ts";

/** Ports of MQTT that are listened on; null for none. */
export interface MqttPorts {
  readonly mqtt: number | null;
  readonly mqttTls: number | null;
  /** MQTT over WebSocket. */
  readonly mqttWs: number | null;
  readonly mqttWss: number | null;
}

/** What both engines can do. */
export type MqttServer = Pick<MqttAdapter, "listen" | "listenWebSocket" | "close">;

/** The adapter as the settings want it, with no port open yet. */
export async function configuredMqttAdapter(broker: Broker, config: Config, door: Door): Promise<MqttServer> {
  const { mqttAnonymousUser: name, mqttAnonymousPassword: password } = config;
  const options: MqttAdapterOptions = {
    broker,
    door,
    limits: limitsOf(config),
    anonymousUser: name === "off" ? null : { name, password },
    defaultVirtualHost: config.mqttVhost,
    exchange: config.mqttExchange,
    systemTopicsIntervalMs: config.mqttSysInterval,
  };
  if (config.mqttEngine === "native") return createMqttAdapter(options);
  // Loaded only for those who want it.
  const { createAedesAdapter } = await import("@jackalope/mqtt-adapter/aedes");
  return createAedesAdapter(options);
}

/** Opens the listeners that the settings ask for. Throws StartError. */
export async function listenMqtt(
  adapter: Pick<MqttServer, "listen" | "listenWebSocket">,
  config: Config,
  opener: PortOpener,
): Promise<MqttPorts> {
  const listen = (options: ListenOptions) => adapter.listen(options);
  const webSocket = (options: ListenOptions) => adapter.listenWebSocket({ ...options, origins: config.mqttOrigins });
  return {
    mqtt: await opener.open("mqttPort", listen),
    mqttTls: await opener.openTls("mqttTlsPort", listen),
    mqttWs: await opener.open("mqttWsPort", webSocket),
    mqttWss: await opener.openTls("mqttWssPort", webSocket),
  };
}

function limitsOf(config: Config): Partial<MqttLimits> {
  return {
    packetBytesMax: config.mqttPacketMax,
    keepAliveSecondsMax: Math.floor(config.mqttKeepAliveMax / 1000),
    receiveMaximum: config.mqttInFlightMax,
    inFlightMax: config.mqttInFlightMax,
    topicAliasMaximum: config.mqttTopicAliasMax,
    topicAliasMaximumOut: config.mqttTopicAliasMax,
    sessionExpirySecondsMax: Math.floor(config.mqttSessionExpiryMax / 1000),
    sessionMessagesMax: config.mqttSessionMessagesMax,
    sessionBytesMax: config.mqttSessionBytesMax,
    slowQos0MessagesMax: config.mqttSlowQos0MessagesMax,
    retainedMessagesMax: config.mqttRetainedMessagesMax,
    retainedBytesMax: config.mqttRetainedBytesMax,
    handshakeTimeoutMs: config.handshakeTimeout,
  };
}
