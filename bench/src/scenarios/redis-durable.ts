import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import type { PeerName } from "../peer.ts";
import { type Row, ratioOf } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "jackalope", "jackalope-redis"];
/** What share of the embedded log's figure Redis should reach, by the bytes of a message. */
const shares = [
  [100, 0.4],
  [1024, 0.3],
] as const;

/** `durable` on Redis beside the embedded log and RabbitMQ, with small messages and with larger ones. */
export const redisDurable: Scenario = {
  name: "redis-durable",
  title: "durable on Redis (everysec), confirms and acks",
  async run(bench) {
    const rows: Row[] = [];
    for (const [size, share] of shares) {
      const title = `${this.title}, ${size} bytes`;
      const options = { ...closedLoop(bench), confirms: true, acks: true, durable: true, size } as const;
      const outcomes = await interleaved(bench, title, brokers, options);
      rows.push(
        deliveryRow(title, outcomes, (figures) => [
          ratioOf(figures, "jackalope-redis", "jackalope", share),
          ratioOf(figures, "jackalope-redis", "rabbitmq", 5),
        ]),
      );
    }
    return rows;
  },
};
