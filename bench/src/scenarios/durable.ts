import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import { amqpPeers } from "../peer.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** Confirms and manual acks again, with a durable queue and persistent messages. The ruler stores nothing: its figure
 * beside the others is the same load without a disk. */
export const durable: Scenario = {
  name: "durable",
  title: "durable queue, persistent, confirms and acks",
  async run(bench) {
    const options = { ...closedLoop(bench), confirms: true, acks: true, durable: true } as const;
    const outcomes = await interleaved(bench, this.title, amqpPeers, options);
    return [
      deliveryRow(this.title, outcomes, (figures) => [
        ratioCheck(figures, "ruler", 1 / 3),
        ratioCheck(figures, "rabbitmq", 8),
      ]),
    ];
  },
};
