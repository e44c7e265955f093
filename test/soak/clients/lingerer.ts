import { connect as connectAmqp } from "amqplib";
import { Client } from "@stomp/stompjs";
import { connect as connectMqtt } from "mqtt";
import { WebSocket } from "ws";
import type { Ledger } from "../ledger/ledger.ts";
import type { QueueFacts, Taking } from "../ledger/queue-facts.ts";
import type { SlotPorts } from "../stage/slot.ts";

const sessionSeconds = 86_400;

/**
 * A consumer without heartbeats that stays with a broker until that one ends the connection. It takes one message at a
 * time, acknowledges the first when it is told to, and what comes later at once.
 */
export class Lingerer {
  /** The broker has ended the connection. */
  ended = false;
  /** Drops the connection. */
  drop: () => void = () => undefined;
  readonly queue: QueueFacts;
  readonly #ledger: Ledger;
  readonly #taking: Taking;
  #acknowledge: (() => void) | null = null;
  #succeededMs: number | null = null;

  constructor(ledger: Ledger, queueName: string) {
    this.#ledger = ledger;
    this.queue = ledger.queue(queueName);
    this.#taking = this.queue.connected(" to a client that stayed");
  }

  /** The first message is there. */
  get holds(): boolean {
    return this.#acknowledge !== null;
  }

  /** Acknowledges the first message. */
  acknowledge(): void {
    this.#acknowledge?.();
  }

  /** Another broker leads, and has settled messages that this one may believe to be waiting. */
  succeeded(): void {
    this.#succeededMs = performance.now();
  }

  take(body: Buffer, acknowledge: () => void): void {
    const taken = this.#ledger.take(this.queue, this.#taking, body, false);
    if (taken === null) return;
    const settle = (): void => {
      this.queue.acknowledge(taken);
      acknowledge();
    };
    if (this.#succeededMs !== null) this.#ledger.cameLate(this.queue, taken, performance.now() - this.#succeededMs);
    if (this.#acknowledge === null) this.#acknowledge = settle;
    else settle();
  }
}

/** Opens a lingerer at a broker. */
export type OpenLingerer = (ledger: Ledger, queueName: string, ports: SlotPorts) => Promise<Lingerer>;

export const lingerOnAmqp: OpenLingerer = async (ledger, queueName, { amqp }) => {
  const lingerer = new Lingerer(ledger, queueName);
  const connection = await connectAmqp(`amqp://guest:guest@127.0.0.1:${amqp}?heartbeat=0`);
  connection.on("error", () => undefined);
  connection.once("close", () => (lingerer.ended = true));
  // amqplib types no way to the socket.
  const { stream } = (connection as unknown as { connection: { stream: { destroy(): void } } }).connection;
  lingerer.drop = () => stream.destroy();
  const channel = await connection.createChannel();
  channel.on("error", () => undefined);
  await channel.prefetch(1);
  await channel.consume(queueName, (message) => {
    if (message !== null) lingerer.take(message.content, () => channel.ack(message));
  });
  return lingerer;
};

export const lingerOnStomp: OpenLingerer = async (ledger, queueName, { stompWs }) => {
  const lingerer = new Lingerer(ledger, queueName);
  const client = new Client({
    webSocketFactory: () => new WebSocket(`ws://127.0.0.1:${stompWs}/ws`, ["v12.stomp"]),
    connectHeaders: { login: "guest", passcode: "guest" },
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    onWebSocketClose: () => (lingerer.ended = true),
  });
  lingerer.drop = () => void client.deactivate({ force: true });
  client.onConnect = () => {
    const headers = { ack: "client-individual", "prefetch-count": "1" };
    const destination = `/amq/queue/${queueName}`;
    client.subscribe(
      destination,
      (message) => lingerer.take(Buffer.from(message.binaryBody), () => message.ack()),
      headers,
    );
  };
  client.activate();
  return Promise.resolve(lingerer);
};

/** Takes over the session of that name, with whatever it is subscribed to. */
export const lingerOnMqtt: OpenLingerer = async (ledger, clientId, { mqtt }) => {
  const lingerer = new Lingerer(ledger, clientId);
  const client = connectMqtt({
    ...{ host: "127.0.0.1", port: mqtt, protocol: "mqtt", username: "guest", password: "guest" },
    ...{ clientId, protocolVersion: 5, clean: false, keepalive: 0, reconnectPeriod: 0, resubscribe: false },
    properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: 1 },
  });
  client.on("error", () => undefined);
  client.on("close", () => (lingerer.ended = true));
  // MQTT.js sends PUBACK when it is called back.
  client.handleMessage = ({ payload }, done) => lingerer.take(payload as Buffer, done);
  lingerer.drop = () => void client.end(true);
  return Promise.resolve(lingerer);
};
