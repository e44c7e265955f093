import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import { amqpPeers } from "../peer.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** One producer, one consumer that acknowledges nothing, one transient queue. */
export const autoAck: Scenario = {
  name: "auto-ack",
  title: "auto-ack, 1 to 1",
  async run(bench) {
    const outcomes = await interleaved(bench, this.title, amqpPeers, closedLoop(bench));
    return [
      deliveryRow(this.title, outcomes, (figures) => [
        ratioCheck(figures, "ruler", 0.5),
        ratioCheck(figures, "rabbitmq", 4),
      ]),
    ];
  },
};
