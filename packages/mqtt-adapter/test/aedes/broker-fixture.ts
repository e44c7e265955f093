import { Broker, type BrokerOptions, type LogFields, MemoryStorage } from "@jackalope/core";
import {
  type Channel,
  type ChannelSink,
  type ClientConnection,
  emptyFieldTable,
  Message,
} from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { openLogStorage } from "@jackalope/storage-log";
import { connectGuest, FaultyDisk, testFormat } from "@jackalope/testkit";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach } from "vitest";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs with the end of the test, the latest first. */
export function afterTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** A broker and what it warned of. */
export interface TestBroker {
  readonly broker: Broker;
  readonly log: string[];
  /** Ends it before the test does. */
  close(): Promise<void>;
  /** It is not to be closed any more: its disk is gone. */
  abandon(): void;
}

export async function openBroker(
  storage: StorageEngine = new MemoryStorage(),
  addsOrigin = false,
  more: Pick<BrokerOptions, "limits" | "clock"> = {},
): Promise<TestBroker> {
  const log: string[] = [];
  const keep = (fields: LogFields, text: string): void => {
    log.push(`${text}: ${Object.values(fields).map(String).join(" ")}`);
  };
  const logger = { debug() {}, info() {}, warn: keep, error: keep };
  const broker = await Broker.open({ storage, addsOrigin, logger, ...more });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= broker.close());
  afterTest(close);
  const abandon = (): void => {
    closing = Promise.resolve();
  };
  return { broker, log, close, abandon };
}

/** A disk that brokers are started on, one after the other. */
export class TestDisk {
  readonly #disk = new FaultyDisk();

  /** A storage engine for the next broker. */
  storage(): StorageEngine {
    return openLogStorage({ directory: "/data", files: this.#disk.process() });
  }

  /** The power goes: what was not synced is lost, and the broker on it gets no further. */
  crash(opened: TestBroker): void {
    this.#disk.crash("none", () => 0);
    opened.abandon();
  }
}

export interface Received {
  readonly message: Message;
  readonly text: string;
}

/** A client of the core, standing for one of another protocol. */
export class CoreClient implements ChannelSink {
  readonly connection: ClientConnection;
  readonly channel: Channel;
  readonly received: Received[] = [];

  constructor(broker: Broker, virtualHost = "/") {
    this.connection = connectGuest(broker, virtualHost);
    this.channel = this.connection.openChannel(this);
    afterTest(() => this.connection.close());
  }

  /** Reads what is published to amq.topic with keys that match. */
  async subscribe(bindingKey: string): Promise<void> {
    const spec = { durable: false, exclusive: true, autoDelete: false, arguments: emptyFieldTable };
    const { name } = await this.connection.declareQueue("", spec);
    const binding = { source: "amq.topic", destination: name, destinationKind: "queue" } as const;
    await this.connection.bind({ ...binding, routingKey: bindingKey, arguments: emptyFieldTable });
    const consumer = { tag: "", noAck: true, exclusive: false, arguments: emptyFieldTable };
    this.channel.consume(name, consumer).start();
  }

  publish(routingKey: string, text: string, persistent = false): void {
    const route = this.channel.route("amq.topic", routingKey);
    const body = Buffer.from(text);
    const message = new Message(route, testFormat, body, 0, 0, 0, body.length);
    message.persistent = persistent;
    this.channel.publish(route, message, false);
  }

  deliver(_consumer: unknown, message: Message): void {
    message.own();
    this.received.push({ message, text: Buffer.from(message.body).toString() });
  }

  returned(): void {}
  confirm(): void {}
  refuse(): void {}
  cancelled(): void {}
  failed(): void {}
}

const received = new WeakMap<MqttClient, string[]>();

/** A connected MQTT client that does not come back by itself. By default version 3.1.1 and guest. */
export async function mqttClient(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  const client = connect({
    host: "127.0.0.1",
    port,
    protocol: "mqtt",
    protocolVersion: 4,
    username: "guest",
    password: "guest",
    reconnectPeriod: 0,
    ...options,
  });
  const messages: string[] = [];
  received.set(client, messages);
  // A session's messages may come in one piece with CONNACK.
  client.on("message", (topic, payload) => messages.push(`${topic}: ${payload.toString()}`));
  afterTest(() => client.endAsync(true));
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.on("error", reject);
    client.once("close", () => reject(new Error("closed before CONNACK")));
  });
  return client;
}

/** What has reached a client of `mqttClient`, as `topic: payload`. */
export function messagesOf(client: MqttClient): readonly string[] {
  return received.get(client) ?? [];
}
