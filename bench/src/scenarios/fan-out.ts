import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import { amqpPeers } from "../peer.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** One producer, a topic exchange, ten queues with a consumer each; counts deliveries. */
export const fanOut: Scenario = {
  name: "fan-out",
  title: "topic fan-out, 1 to 10",
  async run(bench) {
    const outcomes = await interleaved(bench, this.title, amqpPeers, {
      ...closedLoop(bench),
      topic: true,
      consumers: 10,
    });
    return [
      deliveryRow(this.title, outcomes, (figures) => [
        ratioCheck(figures, "ruler", 0.5),
        ratioCheck(figures, "rabbitmq", 5),
      ]),
    ];
  },
};
