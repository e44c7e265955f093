import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import type { PeerName } from "../peer.ts";
import { ratioCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "lavinmq", "jackalope"];

/** Two producers rotate over 1,000 keys of a topic exchange with 1,000 bindings to 1,000 queues, all consumed by one
 * connection; against the same producers and consumer with one key, one binding and one queue. */
export const manyKeys: Scenario = {
  name: "many-keys",
  title: "1,000 queues, bindings and keys",
  async run(bench) {
    const common = { ...closedLoop(bench), producers: 2 };
    const one = await interleaved(bench, "a single key", brokers, { ...common, topic: true });
    const many = await interleaved(bench, this.title, brokers, { ...common, keys: 1000 });
    const single = deliveryRow("topic exchange, a single key", one, () => []);
    return [
      single,
      deliveryRow(this.title, many, (figures) => [
        { ...ratioCheck(figures, "jackalope", 0.25, single.figures), text: "× its single key" },
      ]),
    ];
  },
};
