import type { LoadOptions } from "../generator.ts";
import type { PeerName } from "../peer.ts";

/** A load at full speed beside which others are looked at. */
export interface FairnessLoad {
  readonly title: string;
  /** Of the load, and of who pings. */
  readonly protocol: "amqp" | "mqtt";
  readonly peers: readonly PeerName[];
  readonly options: LoadOptions;
}

const mqttPeers: readonly PeerName[] = ["rabbitmq", "mosquitto", "nats", "jackalope"];
const amqpPeers: readonly PeerName[] = ["rabbitmq", "jackalope"];

/** Messages under way: enough for every publisher to be at it all the time, and no hour's work for a slow peer. */
const WINDOW = 20_000;
const MQTT_WINDOW = 4000;

/** In the order they run and print; smaller ones to see that it works. */
export function fairnessLoads(quick: boolean): readonly FairnessLoad[] {
  // A slow peer has to deliver all of it at the end, a hundred times.
  const window = quick ? WINDOW / 10 : WINDOW;
  const amqp = { protocol: "amqp", window } as const;
  const mqtt = { protocol: "mqtt", qos: 0, consumers: 100 } as const;
  const [publishers, queues] = quick ? [20, 200] : [100, 1500];
  return [
    { title: "MQTT QoS 0, 1 to 100", protocol: "mqtt", peers: mqttPeers, options: mqtt },
    {
      title: "MQTT QoS 0, 20 to 100",
      protocol: "mqtt",
      peers: mqttPeers,
      options: { ...mqtt, producers: 20, window: MQTT_WINDOW },
    },
    {
      title: "AMQP topic, 10 to 100",
      protocol: "amqp",
      peers: amqpPeers,
      options: { ...amqp, topic: true, producers: 10, consumers: 100 },
    },
    {
      title: "AMQP fanout, 10 to 100 queues",
      protocol: "amqp",
      peers: amqpPeers,
      options: { ...amqp, fanout: true, producers: 10, consumers: 100 },
    },
    {
      title: `AMQP fanout, ${publishers} to ${queues.toLocaleString("en")} queues`,
      protocol: "amqp",
      peers: amqpPeers,
      options: { ...amqp, fanout: true, producers: publishers, consumers: queues },
    },
  ];
}
