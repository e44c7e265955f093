import type { Lingering } from "../clients/lingering.ts";
import type { Random } from "../random.ts";
import type { Slot } from "../stage/slot.ts";
import { type Stage, untilLeader } from "../stage/stage.ts";
import type { Tally } from "./tally.ts";

/** What a fault works with. */
export interface Scene<Kind extends Stage> {
  readonly stage: Kind;
  readonly random: Random;
  readonly tally: Tally;
  /** Drops the connections of all clients. */
  readonly cutClients: () => void;
  /** Some of the consumers, by chance, stay away from now on; the call returned brings them back. */
  readonly sendConsumersAway: () => () => void;
  /** Consumers stay with this leader, each with a message that it has not acknowledged; the crew goes elsewhere. */
  readonly linger: (leader: Slot) => Promise<Lingering>;
  /** Waits until producers have got so many more messages confirmed. */
  readonly confirmed: (messages: number) => Promise<void>;
}

/** Something bad that happens, and is over when `run` resolves: then a broker has to serve again. */
export interface Fault<Kind extends Stage> {
  readonly name: string;
  run(scene: Scene<Kind>, leader: Slot): Promise<void>;
}

/** Waits until another broker than `gone` serves, and notes how long that took since `sinceMs`. */
export async function takeOver(
  { stage, tally }: Scene<Stage>,
  fault: string,
  gone: Slot,
  sinceMs: number,
): Promise<Slot> {
  const others = stage.slots.filter((slot) => slot !== gone);
  const leader = await untilLeader(stage, others);
  tally.tookOver(fault, performance.now() - sinceMs);
  return leader;
}
