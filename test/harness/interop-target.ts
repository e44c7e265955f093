import type { CreateBrokerOptions } from "@jackalope/server";
import { localMqtt, type MqttAddress, type MqttEngine } from "./mqtt-target.ts";
import type { StompTarget } from "./stomp-target.ts";
import { targetOf } from "./target.ts";

/** A broker that speaks everything. */
export interface InteropTarget extends StompTarget {
  readonly mqtt: MqttAddress;
}

/** Starts a broker in this process that speaks AMQP, STOMP and MQTT. */
export async function startInteropTarget(
  engine: MqttEngine = "native",
  options: CreateBrokerOptions = {},
): Promise<InteropTarget> {
  const { createBroker } = await import("@jackalope/server");
  const ports = { stompPort: 0, stompWsPort: 0, mqttPort: 0 };
  const broker = await createBroker({ ...ports, mqttEngine: engine, ...options });
  return {
    ...targetOf(broker.url, () => broker.close()),
    stompPort: broker.ports.stomp ?? 0,
    webSocketUrl: `ws://127.0.0.1:${broker.ports.stompWs}/ws`,
    mqtt: localMqtt(broker.ports.mqtt),
  };
}
