/** In the order of the table's columns. */
export const peerNames = ["ruler", "rabbitmq", "lavinmq", "jackalope"] as const;
export type PeerName = (typeof peerNames)[number];

/** A program that can be measured. */
export interface Peer {
  readonly name: PeerName;
  /** What the table calls it, with its version; null when it is not installed here. */
  find(): string | null;
  /** Starts it on 127.0.0.1 and resolves when it accepts AMQP (and STOMP) connections. */
  start(place: PeerPlace): Promise<RunningPeer>;
}

/** Where a peer keeps its things. The same place again is a restart on the same data. */
export interface PeerPlace {
  readonly directory: string;
  readonly port: number;
  /** Set where the peer has to speak STOMP too. */
  readonly stomp?: StompPlace;
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
  /** Orderly, as an operator would. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}
