/**
 * Who sends what to where. Three of four messages of each producer go to every queue of the first kind (`all`), which
 * makes them messages that several queues share; each fourth goes to one queue alone (`one`).
 *
 *     amqp ──────┬─ all ─▶ amq.topic ─┬─▶ soak.amqp    an AMQP consumer
 *     stomp ─────┤                    ├─▶ soak.stomp   a STOMP consumer
 *     mqtt1 ─────┤                    ├─▶ the session soak-1, QoS 1
 *     mqtt2 ─────┤                    └─▶ the session soak-2, QoS 2
 *                └─ one ─▶ amqp: soak.one.amqp ─▶ relay, a STOMP transaction each ─▶ soak.relayed ─▶ an AMQP consumer
 *                          stomp: soak.one.stomp ─▶ a STOMP consumer
 *                          mqtt1, mqtt2: the session soak-one, QoS 2
 */
export const producerNames = ["amqp", "stomp", "mqtt1", "mqtt2"] as const;
export type ProducerName = (typeof producerNames)[number];

export const queueNames = {
  amqp: "soak.amqp",
  stomp: "soak.stomp",
  oneAmqp: "soak.one.amqp",
  relayed: "soak.relayed",
  oneStomp: "soak.one.stomp",
  /** Takes what consumers publish to learn that their acknowledgements are durable; holds the last one. */
  notes: "soak.notes",
} as const;

/** MQTT clients whose sessions are queues. */
export const sessionNames = { first: "soak-1", second: "soak-2", one: "soak-one" } as const;

export const topics = { all: "soak/all", one: "soak/one", notes: "soak/notes", retained: "soak/retained" } as const;
export const exchange = "amq.topic";

/** True where the message goes to every queue, false where to one alone. */
export function isForAll(sequence: number): boolean {
  return sequence % 4 !== 3;
}

/** Something that consumers take messages from, and which messages belong there. */
export interface QueuePlan {
  readonly name: string;
  readonly takes: (producer: ProducerName, sequence: number) => boolean;
}

function takesAll(_: ProducerName, sequence: number): boolean {
  return isForAll(sequence);
}

function takesOneOf(producers: readonly ProducerName[]): QueuePlan["takes"] {
  return (producer, sequence) => !isForAll(sequence) && producers.includes(producer);
}

export const queuePlans: readonly QueuePlan[] = [
  { name: queueNames.amqp, takes: takesAll },
  { name: queueNames.stomp, takes: takesAll },
  { name: sessionNames.first, takes: takesAll },
  { name: sessionNames.second, takes: takesAll },
  { name: queueNames.oneAmqp, takes: takesOneOf(["amqp"]) },
  { name: queueNames.relayed, takes: takesOneOf(["amqp"]) },
  { name: queueNames.oneStomp, takes: takesOneOf(["stomp"]) },
  { name: sessionNames.one, takes: takesOneOf(["mqtt1", "mqtt2"]) },
];
