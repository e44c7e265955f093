import { connect } from "amqplib";
import type { Ledger } from "../ledger/ledger.ts";
import { exchange, queueNames, sessionNames, topics } from "../plan.ts";
import { Random } from "../random.ts";
import type { Slot } from "../stage/slot.ts";
import { AmqpConsumer } from "./amqp-consumer.ts";
import { AmqpProducer } from "./amqp-producer.ts";
import { Rotation, type SoakClient, type SoakProducer } from "./client.ts";
import { lingerOnAmqp, lingerOnMqtt, lingerOnStomp } from "./lingerer.ts";
import type { Place } from "./lingering.ts";
import { MqttConsumer } from "./mqtt-consumer.ts";
import { MqttProducer } from "./mqtt-producer.ts";
import { RetainedWatch } from "./retained-watch.ts";
import { StompConsumer } from "./stomp-consumer.ts";
import { StompProducer } from "./stomp-producer.ts";

/** Declares the queues that no client makes by itself, on the broker that leads. */
export async function declareQueues(leader: Slot): Promise<void> {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${leader.ports.amqp}`);
  const channel = await connection.createChannel();
  for (const name of Object.values(queueNames)) {
    const isNotes = name === queueNames.notes;
    await channel.assertQueue(name, { durable: true, ...(isNotes && { maxLength: 1 }) });
  }
  for (const name of [queueNames.amqp, queueNames.stomp]) await channel.bindQueue(name, exchange, "soak.all.#");
  await channel.bindQueue(queueNames.notes, exchange, topics.notes.replace("/", "."));
  await connection.close();
}

/** All clients of a soak. */
export interface Crew {
  readonly consumers: readonly SoakClient[];
  readonly sessions: readonly MqttConsumer[];
  readonly retained: RetainedWatch;
  /** Where others can stand in for consumers: one for each protocol. */
  readonly places: readonly Place[];
  /** Starts to publish. */
  startProducers(): readonly SoakProducer[];
}

/** Starts the consumers. `perSecond` is the rate of each producer. */
export function assembleCrew(ledger: Ledger, slots: readonly Slot[], seed: number, perSecond: number): Crew {
  let rotations = 0;
  const rotation = (): Rotation => new Rotation(slots, rotations++);
  const { first, second, one } = sessionNames;
  const firstSession = new MqttConsumer(ledger, first, `${topics.all}/#`, 1, rotation());
  const sessions = [
    firstSession,
    new MqttConsumer(ledger, second, `${topics.all}/#`, 2, rotation()),
    new MqttConsumer(ledger, one, `${topics.one}/#`, 2, rotation()),
  ];
  const amqp = new AmqpConsumer(ledger, queueNames.amqp, rotation(), new Random(seed + 1));
  const relayed = new AmqpConsumer(ledger, queueNames.relayed, rotation(), new Random(seed + 2));
  const stomp = new StompConsumer(ledger, queueNames.stomp, null, rotation());
  const queues = [
    amqp,
    relayed,
    stomp,
    new StompConsumer(ledger, queueNames.oneStomp, null, rotation()),
    new StompConsumer(ledger, queueNames.oneAmqp, queueNames.relayed, rotation()),
  ];
  return {
    consumers: [...sessions, ...queues],
    sessions,
    retained: new RetainedWatch(ledger, rotation()),
    places: [
      { consumer: amqp, queueName: queueNames.amqp, isQueue: true, open: lingerOnAmqp },
      { consumer: stomp, queueName: queueNames.stomp, isQueue: true, open: lingerOnStomp },
      { consumer: firstSession, queueName: first, isQueue: false, open: lingerOnMqtt },
    ],
    startProducers: () => [
      new AmqpProducer(ledger.producer("amqp"), rotation(), perSecond),
      new StompProducer(ledger, ledger.producer("stomp"), rotation(), perSecond),
      new MqttProducer(ledger, ledger.producer("mqtt1"), 1, rotation(), perSecond),
      new MqttProducer(ledger, ledger.producer("mqtt2"), 2, rotation(), perSecond),
    ],
  };
}
