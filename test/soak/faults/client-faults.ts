import { type Stage, untilLeader } from "../stage/stage.ts";
import type { Fault } from "./fault.ts";

const dropClients: Fault<Stage> = {
  name: "all clients cut off",
  run({ cutClients }) {
    cutClients();
    return Promise.resolve();
  },
};

/** Backlogs grow, and what some consumers have settled others have not. */
const awayConsumers: Fault<Stage> = {
  name: "consumers away while the leading broker is killed",
  async run({ stage, random, confirmed, sendConsumersAway }, leader) {
    const back = sendConsumersAway();
    try {
      await confirmed(random.between(500, 3000));
      await leader.end("SIGKILL");
      leader.start();
      await untilLeader(stage);
      await confirmed(random.between(1, 1000));
    } finally {
      back();
    }
  },
};

/** What befalls clients, whatever the store. */
export const clientFaults: readonly Fault<Stage>[] = [dropClients, awayConsumers];
