import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import { amqpPeers } from "../peer.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** One producer with confirms, one consumer with prefetch 500 that acknowledges every 50 messages, transient queue. */
export const confirms: Scenario = {
  name: "confirms",
  title: "confirms and manual acks, 1 to 1",
  async run(bench) {
    const outcomes = await interleaved(bench, this.title, amqpPeers, {
      ...closedLoop(bench),
      confirms: true,
      acks: true,
    });
    return [
      deliveryRow(this.title, outcomes, (figures) => [
        ratioCheck(figures, "ruler", 0.5),
        ratioCheck(figures, "rabbitmq", 6),
      ]),
    ];
  },
};
