import type { LoadOptions } from "../generator.ts";
import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** A shape of load over STOMP on the brokers that speak it, beside the same shape over AMQP on Jackalope. */
function besideAmqp(name: string, title: string, stomp: LoadOptions, amqp: LoadOptions): Scenario {
  return {
    name,
    title,
    async run(bench) {
      const loop = closedLoop(bench);
      const outcomes = await interleaved(bench, title, ["rabbitmq", "jackalope"], { ...loop, ...stomp });
      const amqpTitle = `${title}: the same over AMQP`;
      const yardstick = deliveryRow(
        amqpTitle,
        await interleaved(bench, amqpTitle, ["jackalope"], { ...loop, ...amqp }),
        () => [],
      );
      return [
        deliveryRow(title, outcomes, (figures) => [
          ratioCheck(figures, "rabbitmq", 6),
          { ...ratioCheck(figures, "jackalope", 1 / 3, yardstick.figures), text: "× its AMQP" },
        ]),
        yardstick,
      ];
    },
  };
}

const stomp = { protocol: "stomp" } as const;
const singleAcks = { acks: true, "ack-every": 1 } as const;
const toTen = { topic: true, consumers: 10 } as const;
const topic = { topic: true } as const;

/** One producer, one consumer with acknowledgements of mode auto, one transient queue. */
export const stompAutoAck: Scenario = besideAmqp("stomp-auto-ack", "STOMP: auto acks, 1 to 1", stomp, {});

/** The same with an ACK for each message and prefetch 500; in AMQP an acknowledgement for each message too. */
export const stompAcks: Scenario = besideAmqp(
  "stomp-acks",
  "STOMP: client-individual acks, 1 to 1",
  { ...stomp, ...singleAcks },
  singleAcks,
);

/** One producer, ten subscriptions to its topic; counts deliveries. */
export const stompFanOut: Scenario = besideAmqp(
  "stomp-fan-out",
  "STOMP: topic, 1 to 10",
  { ...stomp, ...toTen },
  toTen,
);

/** An AMQP producer publishes to amq.topic, a STOMP consumer subscribes to the topic. */
export const stompBridge: Scenario = besideAmqp(
  "stomp-bridge",
  "AMQP in, STOMP out, 1 to 1",
  { ...topic, "consumer-protocol": "stomp" },
  topic,
);
