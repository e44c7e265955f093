import { type EmbeddedStage, untilLeader } from "../stage/stage.ts";
import { lasting } from "../waiting.ts";
import type { Fault } from "./fault.ts";

type EmbeddedFault = Fault<EmbeddedStage>;

const killBroker: EmbeddedFault = {
  name: "kill -9 of the broker",
  async run({ stage, tally }, leader) {
    const sinceMs = performance.now();
    await leader.end("SIGKILL");
    leader.start();
    await untilLeader(stage);
    tally.tookOver(this.name, performance.now() - sinceMs);
  },
};

const killWhileStarting: EmbeddedFault = {
  name: "kill -9 of the broker, and again while it starts",
  async run({ stage, random, tally }, leader) {
    const sinceMs = performance.now();
    await leader.end("SIGKILL");
    leader.start();
    await lasting(random.between(50, 400));
    await leader.end("SIGKILL");
    leader.start();
    await untilLeader(stage);
    tally.tookOver(this.name, performance.now() - sinceMs);
  },
};

const stopBroker: EmbeddedFault = {
  name: "SIGSTOP and SIGCONT of the broker",
  async run({ random }, leader) {
    leader.signal("SIGSTOP");
    await lasting(random.between(100, 4000));
    leader.signal("SIGCONT");
  },
};

const restartBroker: EmbeddedFault = {
  name: "clean restart of the broker",
  async run({ stage, tally }, leader) {
    const sinceMs = performance.now();
    await leader.end("SIGTERM");
    leader.start();
    await untilLeader(stage);
    tally.tookOver(this.name, performance.now() - sinceMs);
  },
};

/** Each of them once is a round. */
export const embeddedFaults: readonly EmbeddedFault[] = [killBroker, killWhileStarting, stopBroker, restartBroker];
