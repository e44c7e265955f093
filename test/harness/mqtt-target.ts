import type { CreateBrokerOptions } from "@jackalope/server";

/** Protocol levels: 3.1, 3.1.1 and 5. */
export type MqttVersion = 3 | 4 | 5;

/** What speaks MQTT inside the broker. */
export type MqttEngine = "native" | "aedes";

/** How people call the versions. */
export const versionNames: Readonly<Record<MqttVersion, string>> = { 3: "3.1", 4: "3.1.1", 5: "5" };

/** The way to a broker that speaks MQTT. */
export interface MqttAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** A broker that speaks MQTT. */
export interface MqttTarget extends MqttAddress {
  /** MQTT over WebSocket, without a path. */
  readonly webSocketOrigin: string;
  /** True where it is another broker than ours, which takes any path. */
  readonly foreign: boolean;
  close(): Promise<void>;
}

/** Name another broker for the tests of `clients-mqtt`, which makes them a check of compatibility. */
const targetVariables = { tcp: "JACKALOPE_TEST_MQTT_URL", webSocket: "JACKALOPE_TEST_MQTT_WS_URL" } as const;

/** The settings with which tests run a broker that speaks MQTT alone. */
export const mqttOnFreePorts = { amqpPort: "off", mqttPort: 0, mqttWsPort: 0 } as const satisfies CreateBrokerOptions;

/** Starts a broker in this process, or returns the one that JACKALOPE_TEST_MQTT_URL names. */
export async function startMqttTarget(options: CreateBrokerOptions = {}): Promise<MqttTarget> {
  const given = process.env[targetVariables.tcp] ?? "";
  if (given !== "") return foreignTarget(new URL(given), process.env[targetVariables.webSocket] ?? "");
  const { createBroker } = await import("@jackalope/server");
  const broker = await createBroker({ ...mqttOnFreePorts, ...options });
  return {
    ...localMqtt(broker.ports.mqtt),
    webSocketOrigin: `ws://127.0.0.1:${broker.ports.mqttWs}`,
    foreign: false,
    close: () => broker.close(),
  };
}

/** A broker of this machine with the user of the first start. */
export function localMqtt(port: number | null): MqttAddress {
  if (port === null) throw new Error("the broker does not listen for MQTT");
  return { host: "127.0.0.1", port, username: "guest", password: "guest" };
}

function foreignTarget(url: URL, webSocketOrigin: string): MqttTarget {
  return {
    host: url.hostname,
    port: Number(url.port === "" ? 1883 : url.port),
    username: decodeURIComponent(url.username === "" ? "guest" : url.username),
    password: decodeURIComponent(url.password === "" ? "guest" : url.password),
    webSocketOrigin,
    foreign: true,
    close: () => Promise.resolve(),
  };
}
