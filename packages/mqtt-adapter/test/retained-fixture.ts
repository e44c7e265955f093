import { Broker, MemoryStorage } from "@jackalope/core";
import {
  type ClientConnection,
  type Clock,
  type Consumer,
  keyOfTopic,
  Message,
  type Queue,
  Route,
  topicIsPlain,
  type VirtualHost,
} from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { connectGuest } from "@jackalope/testkit";
import { afterEach } from "vitest";
import { MqttFormat, mqttFormat, type Qos } from "../src/mapping.ts";
import { topicOf } from "../src/message-topic.ts";

/** A delivery as it came to the sink. */
interface Delivered {
  readonly topic: string;
  readonly body: string;
  readonly format: string;
  /** The native properties in hexadecimal. */
  readonly native: string;
  readonly persistent: boolean;
  readonly remainingMs: number;
}

/** A consumer as a session has one, and what it got. */
export interface TestConsumer {
  readonly consumer: Consumer;
  readonly delivered: Delivered[];
  /** Acknowledges the next `count` deliveries that wait for it. */
  ack(count: number): void;
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Has `run` run when the test is over. */
export function whenOver(run: () => Promise<void> | void): void {
  cleanups.push(run);
}

/** A broker that ends with the test, unless it was closed before. */
export async function openBroker(options: { clock?: Clock; storage?: StorageEngine } = {}): Promise<Broker> {
  const broker = await Broker.open({ storage: new MemoryStorage(), ...options });
  let closed: Promise<void> | null = null;
  const close = broker.close.bind(broker);
  broker.close = () => (closed ??= close());
  whenOver(() => broker.close());
  return broker;
}

export function defaultHost(broker: Broker): VirtualHost {
  return broker.virtualHosts.get("/") as VirtualHost;
}

/** A message as a publisher sends it with RETAIN. */
export function retainedMessage(topic: string, body: string, qos: Qos = 0, native: Buffer = Buffer.alloc(0)): Message {
  const bytes = Buffer.concat([native, Buffer.from(body)]);
  const route = new Route("amq.topic", keyOfTopic(topic), topicIsPlain(topic) ? null : topic);
  const message = new Message(route, mqttFormat(qos, "retain"), bytes, 0, native.length, native.length, bytes.length);
  message.persistent = qos > 0;
  return message;
}

/** Declares a queue as sessions have it. */
export async function declareQueue(
  broker: Broker,
  name: string,
  bounds: Readonly<Record<string, number>> = {},
): Promise<Queue> {
  const client = connect(broker);
  const fields = Object.entries(bounds).map(([key, value]) => [key, { kind: "int32", value }] as const);
  return client.declareQueue(name, { durable: true, exclusive: false, autoDelete: false, arguments: fields });
}

function connect(broker: Broker): ClientConnection {
  const client = connectGuest(broker);
  cleanups.push(() => void client.close());
  return client;
}

/** Consumes `queue` as a session does. */
export function consume(broker: Broker, queue: Queue, noAck: boolean, prefetch = 0): TestConsumer {
  const delivered: Delivered[] = [];
  const tags: number[] = [];
  const channel = connect(broker).openChannel({
    deliver(_consumer, message, tag) {
      delivered.push(shown(message, broker.clock.nowMs()));
      if (!noAck && message.persistent) tags.push(tag);
    },
    returned() {},
    cancelled() {},
    failed() {},
    confirm() {},
    refuse() {},
  });
  channel.qos(prefetch, false);
  const spec = { tag: "c", noAck, exclusive: false, arguments: [], settlesTransient: true };
  const consumer = channel.consume(queue.name, spec);
  consumer.start();
  return {
    consumer,
    delivered,
    ack(count) {
      for (const tag of tags.splice(0, count)) channel.ack(tag, false);
    },
  };
}

function shown(message: Message, nowMs: number): Delivered {
  if (!(message.format instanceof MqttFormat)) throw new Error(`a message of format ${message.format.id}`);
  return {
    topic: topicOf(message),
    body: Buffer.from(message.body).toString(),
    format: message.format.id,
    native: Buffer.from(message.native).toString("hex"),
    persistent: message.persistent,
    remainingMs: message.expirationMs < 0 ? -1 : message.publishedAtMs + message.expirationMs - nowMs,
  };
}
