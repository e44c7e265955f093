import { type IClientOptions, type IClientPublishOptions, type IConnackPacket, type MqttClient, connect } from "mqtt";
import type { IClientSubscribeOptions, IDisconnectPacket, IPublishPacket, ISubscriptionGrant, Packet } from "mqtt";
import { onTestFinished } from "vitest";
import type { MqttAddress } from "./mqtt-target.ts";
import { Inbox, once, within } from "./waiting.ts";

/** A message as an application gets it. */
export interface MqttMessage {
  readonly topic: string;
  readonly text: string;
  readonly packet: IPublishPacket;
}

/** A subscription as MQTT.js takes it: `nl`, `rap` and `rh` are no-local, retain as published and retain handling. */
export type SubscribeOptions = Partial<IClientSubscribeOptions>;

/** A connected MQTT.js client that does not come back by itself, with inboxes for what arrives. */
export class MqttjsClient {
  readonly client: MqttClient;
  readonly connack: IConnackPacket;
  readonly messages: Inbox<MqttMessage>;
  readonly packets: Inbox<Packet> = new Inbox("packets");
  readonly disconnects: Inbox<IDisconnectPacket> = new Inbox("DISCONNECT");
  closed = false;

  constructor(client: MqttClient, connack: IConnackPacket, messages: Inbox<MqttMessage>) {
    this.client = client;
    this.connack = connack;
    this.messages = messages;
    client.on("packetreceive", this.packets.push);
    client.on("disconnect", this.disconnects.push);
    client.on("close", () => (this.closed = true));
  }

  /** Waits for PUBACK or PUBCOMP where there is one, and returns it. */
  async publish(
    topic: string,
    body: string | Buffer,
    options: IClientPublishOptions = {},
  ): Promise<Packet | undefined> {
    return within(`the acknowledgement of ${topic}`, this.client.publishAsync(topic, body, options));
  }

  /** Waits for SUBACK and returns what was granted. Rejects where a filter was refused. */
  async subscribe(filter: string | string[], options: SubscribeOptions = {}): Promise<readonly ISubscriptionGrant[]> {
    return within(`SUBACK of ${filter}`, this.client.subscribeAsync(filter, { qos: 0, ...options }));
  }

  /** Waits for UNSUBACK. */
  async unsubscribe(filter: string): Promise<Packet | undefined> {
    return within(`UNSUBACK of ${filter}`, this.client.unsubscribeAsync(filter));
  }

  /** DISCONNECT, and the end of the connection. */
  async end(packet: Partial<IDisconnectPacket> = {}): Promise<void> {
    await within("the end of the connection", this.client.endAsync(packet));
  }

  /** Gone without a word. */
  async drop(): Promise<void> {
    const gone = this.ended();
    this.client.stream.destroy();
    await gone;
  }

  /** Waits until the connection has ended, whoever ended it. */
  async ended(): Promise<void> {
    if (this.closed) return;
    await once<void>("the end of the connection", (happened) => this.client.once("close", () => happened()));
  }

  /** Waits until everything that was on its way before has arrived: PINGRESP comes after it. */
  async settled(): Promise<void> {
    const pong = once<void>("PINGRESP", (happened) => {
      const listener = (packet: Packet): void => {
        if (packet.cmd !== "pingresp") return;
        this.client.off("packetreceive", listener);
        happened();
      };
      this.client.on("packetreceive", listener);
    });
    this.client.sendPing();
    await pong;
  }

  /** Topics and bodies of what has come. */
  get seen(): readonly (readonly [topic: string, text: string])[] {
    return this.messages.items.map(({ topic, text }) => [topic, text]);
  }
}

/** Options of a client that is what it is told to be, and no more: no reconnection, no pings of its own accord. */
function plainOptions(address: MqttAddress, options: IClientOptions): IClientOptions {
  const { host, port, username, password } = address;
  const version = options.protocolVersion ?? 5;
  return {
    host,
    port,
    protocol: "mqtt",
    username,
    password,
    reconnectPeriod: 0,
    connectTimeout: 15_000,
    // MQTT.js's own names are unique; version 3.1 is known by another name on the wire.
    protocolVersion: version,
    protocolId: version === 3 ? "MQIsdp" : "MQTT",
    ...options,
  };
}

/** An MQTT.js client that is connected, and ends with the test. Without options it speaks version 5. */
export async function mqttjsClient(address: MqttAddress, options: IClientOptions = {}): Promise<MqttjsClient> {
  const client = connect(plainOptions(address, options));
  onTestFinished(() => void client.end(true));
  const messages = new Inbox<MqttMessage>("messages");
  // Before CONNACK: what a session has kept comes right behind it.
  client.on("message", (topic, payload, packet) => messages.push({ topic, text: payload.toString(), packet }));
  const connack = await within(
    "CONNACK",
    new Promise<IConnackPacket>((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", reject);
      client.once("close", () => reject(new Error("closed before CONNACK")));
    }),
  );
  client.on("error", () => undefined);
  return new MqttjsClient(client, connack, messages);
}

/** The return code, or reason code, with which the broker refuses such a client. */
export async function refusalOf(address: MqttAddress, options: IClientOptions = {}): Promise<number> {
  const client = connect(plainOptions(address, options));
  onTestFinished(() => void client.end(true));
  client.on("error", () => undefined);
  return once<number>("a refusal", (happened) => {
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "connack") happened(packet.reasonCode ?? packet.returnCode ?? -1);
    });
  });
}
