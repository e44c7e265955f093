import type { Socket } from "node:net";
import type { ChannelModel, ConfirmChannel } from "amqplib";
import { amqplibConnection, quiet } from "./amqplib-client.ts";
import type { ClusterBroker } from "./cluster-broker.ts";
import { connectFlags, packetTypes, property, propertyIds } from "./mqtt-wire.ts";
import { decodePublish, RawMqttConnection } from "./raw-mqtt-connection.ts";
import { stompjsClient } from "./stompjs-client.ts";
import { waitFor } from "./waiting.ts";

/** A client without heartbeats: it stays with a broker that stands still, and what it sends waits in the socket. */
export class StayingClient {
  /** The messages that it was given. */
  readonly given: string[] = [];
  /** The messages of its own that were confirmed. */
  readonly confirmed: string[] = [];
  /** The connection is closed. */
  ended = false;
  /** Sends what it had in mind. */
  sendLate: () => void = () => undefined;
  /** Drops the connection; of AMQP clients. */
  drop: () => void = () => undefined;

  /** Acknowledges only in `sendLate` what comes first, and anything later at once. */
  take(text: string, acknowledge: () => void): void {
    this.given.push(text);
    if (this.given.length === 1) this.sendLate = acknowledge;
    else acknowledge();
  }

  /** Waits for its first message. */
  async holdsOne(): Promise<this> {
    await waitFor("a first message", () => this.given.length > 0);
    return this;
  }
}

/** A channel of a connection without heartbeats, and the client that notes its end. */
export async function stayingChannel(broker: ClusterBroker): Promise<readonly [StayingClient, ConfirmChannel]> {
  const client = new StayingClient();
  const connection = await amqplibConnection(broker.amqpUrl, "?heartbeat=0");
  const socket = socketOf(connection);
  socket.once("close", () => (client.ended = true));
  // amqplib hears of errors, not of a socket that is merely gone.
  client.drop = () => void socket.destroy(new Error("dropped"));
  return [client, quiet(await connection.createConfirmChannel())];
}

/** Publishes a persistent message, and notes its confirm. */
export function publishNoting(
  [client, channel]: readonly [StayingClient, ConfirmChannel],
  queue: string,
  body: string,
  confirmed?: () => void,
): void {
  channel.sendToQueue(queue, Buffer.from(body), { persistent: true }, (error) => {
    // The end of the connection is an error, too.
    if (error !== null) return;
    client.confirmed.push(body);
    confirmed?.();
  });
}

/** An AMQP consumer with one message at a time; the first is not acknowledged yet. */
export async function stayingConsumer(broker: ClusterBroker, queue: string): Promise<StayingClient> {
  const [client, channel] = await stayingChannel(broker);
  await channel.prefetch(1);
  await channel.consume(queue, (message) => {
    if (message !== null) client.take(message.content.toString(), () => channel.ack(message));
  });
  return client;
}

/** An AMQP consumer that acknowledges nothing. */
export async function stayingNoAckConsumer(broker: ClusterBroker, queue: string): Promise<StayingClient> {
  const [client, channel] = await stayingChannel(broker);
  const take = (body: Buffer | undefined): void => void client.given.push(String(body));
  await channel.consume(queue, (message) => take(message?.content), { noAck: true });
  return client;
}

/** A STOMP subscriber with one message at a time; the first is not acknowledged yet. */
export async function stayingSubscriber(broker: ClusterBroker, queue: string): Promise<StayingClient> {
  const client = new StayingClient();
  const stomp = await stompjsClient(broker.stomp, { heartbeatIncoming: 0, heartbeatOutgoing: 0 });
  stomp.client.onWebSocketClose = () => (client.ended = true);
  const headers = { ack: "client-individual", "prefetch-count": "1" };
  stomp.client.subscribe(`/amq/queue/${queue}`, (message) => client.take(message.body, () => message.ack()), headers);
  return client;
}

/** A persistent session of MQTT 5, subscribed with QoS 1, one message at a time; the first is not acknowledged yet. */
export async function stayingSession(broker: ClusterBroker, clientId: string, filter: string): Promise<StayingClient> {
  const client = new StayingClient();
  const mqtt = await RawMqttConnection.open(broker.mqtt, {
    clientId,
    flags: connectFlags.name | connectFlags.password,
    properties: [property.long(propertyIds.sessionExpiry, 3600), property.short(propertyIds.receiveMaximum, 1)],
  });
  mqtt.socket.once("close", () => (client.ended = true));
  await mqtt.subscribe(filter, 1);
  mqtt.onPacket = (packet) => {
    if (packet.type !== packetTypes.publish) return;
    const { text, packetId } = decodePublish(packet, mqtt.version);
    client.take(text, () => mqtt.acknowledge(packetTypes.puback, packetId));
  };
  return client;
}

/** amqplib types no way to its socket. */
function socketOf(connection: ChannelModel): Socket {
  return (connection as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}
