/** In the order of the table's columns. */
export const peerNames = [
  "ruler",
  "rabbitmq",
  "lavinmq",
  "mosquitto",
  "nats",
  "aedes",
  "jackalope",
  "jackalope-redis",
] as const;
export type PeerName = (typeof peerNames)[number];

/** Those that speak AMQP 0-9-1. */
export const amqpPeers: readonly PeerName[] = ["ruler", "rabbitmq", "lavinmq", "jackalope"];

/** A program that can be measured. */
export interface Peer {
  readonly name: PeerName;
  /** What the table calls it, with its version; null when it is not installed here. */
  find(): string | null;
  /** Starts it on 127.0.0.1 and resolves when it accepts connections of every protocol that the place names. */
  start(place: PeerPlace): Promise<RunningPeer>;
}

/** Where a peer keeps its things. The same place again is a restart on the same data. */
export interface PeerPlace {
  readonly directory: string;
  /** Of AMQP, for a peer that speaks it. */
  readonly port: number;
  /** Set where the peer has to speak STOMP too. */
  readonly stomp?: StompPlace;
  /** Set where the peer has to speak MQTT: the port of MQTT over TCP. */
  readonly mqttPort?: number;
}

/** Ports of STOMP over TCP, and over WebSocket on the path /ws. */
interface StompPlace {
  readonly port: number;
  readonly webSocketPort: number;
}

export interface RunningPeer {
  readonly name: PeerName;
  readonly place: PeerPlace;
  readonly processId: number;
  /** The server that keeps its store, where that is a process of its own. */
  readonly storeProcessId?: number;
  /** Orderly, as an operator would. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}
