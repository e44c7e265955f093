import { connect } from "amqplib";
import type { Ledger } from "../ledger/ledger.ts";
import type { Slot } from "../stage/slot.ts";
import { until } from "../waiting.ts";
import type { SoakClient } from "./client.ts";
import type { Lingerer, OpenLingerer } from "./lingerer.ts";

/** Where a lingerer can take the place of the one consumer of a queue. */
export interface Place {
  readonly consumer: SoakClient;
  readonly queueName: string;
  /** False where it is a session, which knows one client at a time. */
  readonly isQueue: boolean;
  readonly open: OpenLingerer;
}

/** Consumers that stay with a broker while the crew moves on to the next one. */
export interface Lingering {
  /** Acknowledges what they hold. */
  readonly acknowledge: () => void;
  /** Waits until the next broker has settled what they would be given next, and more. */
  readonly settledElsewhere: () => Promise<void>;
  /** What comes from now on comes late. */
  readonly succeeded: () => void;
  /** Waits until the broker has ended their connections: then nothing more can come. */
  readonly ended: () => Promise<void>;
  /** Gives the crew back its places, whatever has happened. */
  readonly over: () => void;
}

/** Messages that wait behind the ones that they hold. */
const waitingMin = 100;
/** Settled by the next broker before the old one goes on, of each queue. */
const settledMin = 50;
const movedMs = 60_000;
const endedMs = 15_000;

/** Puts lingerers in place of some of the crew, who go to other brokers than this leader from now on. */
export async function linger(ledger: Ledger, places: readonly Place[], leader: Slot): Promise<Lingering> {
  for (const { consumer } of places) consumer.rotation.shunned = leader;
  await untilAlone(places, leader);
  const lingerers = await Promise.all(places.map(({ queueName, open }) => open(ledger, queueName, leader.ports)));
  const names = (which: readonly Lingerer[]): string => which.map(({ queue }) => queue.plan.name).join(", ");
  const confirmed = ledger.confirmed + waitingMin;
  const ready = (): boolean => lingerers.every(({ holds }) => holds) && ledger.confirmed >= confirmed;
  await until(`messages for ${names(lingerers)}`, ready, movedMs);
  const settledBefore = lingerers.map(({ queue }) => queue.settlements);
  const settled = (): boolean =>
    lingerers.every(({ queue }, at) => queue.settlements >= (settledBefore[at] ?? 0) + settledMin);
  return {
    acknowledge() {
      for (const lingerer of lingerers) lingerer.acknowledge();
    },
    settledElsewhere: () => until("settlements by the next broker", settled, movedMs),
    succeeded() {
      for (const lingerer of lingerers) lingerer.succeeded();
    },
    async ended() {
      await until("the end", () => lingerers.every(({ ended }) => ended), endedMs).catch(() => {
        const left = names(lingerers.filter(({ ended }) => !ended));
        ledger.accuse(`broker ${leader.name} leads no more, and keeps connections of ${left}`);
      });
    },
    over() {
      for (const { consumer } of places) consumer.rotation.shunned = null;
      for (const lingerer of lingerers) lingerer.drop();
    },
  };
}

/**
 * Waits until the leader has noticed that the consumers are gone, and has put back what they had: else it would come
 * behind what the lingerers are given.
 */
async function untilAlone(places: readonly Place[], { ports }: Slot): Promise<void> {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${ports.amqp}`);
  const channel = await connection.createChannel();
  const alone = async (): Promise<boolean> => {
    for (const { consumer } of places) consumer.cut();
    for (const { queueName, isQueue } of places) {
      if (isQueue && (await channel.checkQueue(queueName)).consumerCount > 0) return false;
    }
    return true;
  };
  await until("the consumers to be gone", alone, movedMs);
  await connection.close();
}
