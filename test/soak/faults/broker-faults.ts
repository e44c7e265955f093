import type { Slot } from "../stage/slot.ts";
import { type RedisStage, untilLeader } from "../stage/stage.ts";
import { until, lasting } from "../waiting.ts";
import { type Fault, takeOver } from "./fault.ts";

type RedisFault = Fault<RedisStage>;

const standbyMs = 30_000;

/** Whoever led has noticed that it does not any more. */
async function untilStandby(slot: Slot): Promise<void> {
  await until(`broker ${slot.name} to stand by`, async () => (await slot.health()) === "standby", standbyMs);
}

const killLeader: RedisFault = {
  name: "kill -9 of the leading broker",
  async run(scene, leader) {
    const sinceMs = performance.now();
    await leader.end("SIGKILL");
    await takeOver(scene, this.name, leader, sinceMs);
    leader.start();
    await untilStandby(leader);
  },
};

const killLeaderAndRestart: RedisFault = {
  name: "kill -9 of the leading broker, which is started again at once",
  async run({ stage, tally }, leader) {
    const sinceMs = performance.now();
    await leader.end("SIGKILL");
    leader.start();
    // Either of the two may be the next.
    await untilLeader(stage);
    tally.tookOver(this.name, performance.now() - sinceMs);
  },
};

const killTwice: RedisFault = {
  name: "kill -9 of the leading broker, and of the next one while it takes over",
  async run(scene, leader) {
    const { stage, random } = scene;
    const [other] = stage.slots.filter((slot) => slot !== leader) as [Slot];
    await leader.end("SIGKILL");
    await lasting(random.between(0, stage.leaseMs * 2));
    const sinceMs = performance.now();
    await other.end("SIGKILL");
    leader.start();
    await takeOver(scene, this.name, other, sinceMs);
    other.start();
    await untilStandby(other);
  },
};

const killBoth: RedisFault = {
  name: "kill -9 of both brokers",
  async run({ stage, tally }) {
    const sinceMs = performance.now();
    await Promise.all(stage.slots.map((slot) => slot.end("SIGKILL")));
    for (const slot of stage.slots) slot.start();
    await untilLeader(stage);
    tally.tookOver(this.name, performance.now() - sinceMs);
  },
};

const stopLeader: RedisFault = {
  name: "SIGSTOP of the leading broker past its lease",
  async run(scene, leader) {
    const lingering = await scene.linger(leader);
    const sinceMs = performance.now();
    leader.signal("SIGSTOP");
    try {
      // It waits in the sockets.
      lingering.acknowledge();
      await takeOver(scene, this.name, leader, sinceMs);
      await lingering.settledElsewhere();
      await lasting(scene.random.between(0, 1000));
      lingering.succeeded();
      leader.signal("SIGCONT");
      await untilStandby(leader);
      await lingering.ended();
    } finally {
      leader.signal("SIGCONT");
      lingering.over();
    }
  },
};

const stopLeaderBriefly: RedisFault = {
  name: "SIGSTOP of the leading broker, shorter than its lease",
  async run({ stage, random }, leader) {
    leader.signal("SIGSTOP");
    await lasting(random.between(50, stage.leaseMs * 0.7));
    leader.signal("SIGCONT");
  },
};

const handOver: RedisFault = {
  name: "clean end of the leading broker",
  async run(scene, leader) {
    const sinceMs = performance.now();
    const ended = leader.end("SIGTERM");
    await takeOver(scene, this.name, leader, sinceMs);
    await ended;
    leader.start();
    await untilStandby(leader);
  },
};

/** What befalls brokers, and their clients. */
export const brokerFaults: readonly RedisFault[] = [
  killLeader,
  killLeaderAndRestart,
  killTwice,
  killBoth,
  stopLeader,
  stopLeaderBriefly,
  handOver,
];
