import { type RedisStage, untilLeader } from "../stage/stage.ts";
import { lasting } from "../waiting.ts";
import { type Fault, takeOver } from "./fault.ts";

type RedisFault = Fault<RedisStage>;

const killRedis: RedisFault = {
  name: "kill -9 of Redis",
  async run({ stage, random }) {
    await stage.redis.kill();
    await lasting(random.between(0, stage.leaseMs * 2));
    await stage.redis.start();
  },
};

const killRedisTwice: RedisFault = {
  name: "kill -9 of Redis, and again as soon as it is back",
  async run({ stage, random }) {
    await stage.redis.kill();
    await stage.redis.start();
    await lasting(random.between(0, 300));
    await stage.redis.kill();
    await stage.redis.start();
  },
};

const killRedisAndLeader: RedisFault = {
  name: "kill -9 of Redis and of the leading broker",
  async run(scene, leader) {
    const { stage, random } = scene;
    await Promise.all([stage.redis.kill(), leader.end("SIGKILL")]);
    await lasting(random.between(0, stage.leaseMs));
    const sinceMs = performance.now();
    await stage.redis.start();
    await takeOver(scene, this.name, leader, sinceMs);
    leader.start();
  },
};

const stopRedis: RedisFault = {
  name: "SIGSTOP and SIGCONT of Redis",
  async run({ stage, random }) {
    stage.redis.signal("SIGSTOP");
    await lasting(random.between(100, stage.leaseMs * 2));
    stage.redis.signal("SIGCONT");
  },
};

const pauseClients: RedisFault = {
  name: "CLIENT PAUSE",
  async run({ stage, random }) {
    const ms = random.between(100, stage.leaseMs * 2);
    await stage.redis.ask(`CLIENT PAUSE ${ms} ${random.oneIn(2) ? "ALL" : "WRITE"}`);
    await lasting(ms);
  },
};

/** What befalls Redis. */
export const redisFaults: readonly RedisFault[] = [
  killRedis,
  killRedisTwice,
  killRedisAndLeader,
  stopRedis,
  pauseClients,
];

const cutLink: RedisFault = {
  name: "connections to Redis cut",
  run({ stage, random }, leader) {
    if (random.oneIn(2)) stage.linkOf(leader).cut();
    else for (const slot of stage.slots) stage.linkOf(slot).cut();
    return Promise.resolve();
  },
};

const isolateLeader: RedisFault = {
  name: "the leading broker cut off from Redis past its lease",
  async run(scene, leader) {
    const link = scene.stage.linkOf(leader);
    const lingering = await scene.linger(leader);
    const sinceMs = performance.now();
    link.setAway(true);
    try {
      await takeOver(scene, this.name, leader, sinceMs);
      await lingering.settledElsewhere();
      lingering.succeeded();
      // It does not know yet that it does not lead any more.
      lingering.acknowledge();
      await lasting(scene.random.between(0, 500));
      link.setAway(false);
      await lingering.ended();
    } finally {
      link.setAway(false);
      lingering.over();
    }
  },
};

const isolateBoth: RedisFault = {
  name: "both brokers cut off from Redis",
  async run({ stage, random }) {
    for (const slot of stage.slots) stage.linkOf(slot).setAway(true);
    await lasting(random.between(100, stage.leaseMs * 2));
    for (const slot of stage.slots) stage.linkOf(slot).setAway(false);
  },
};

const slowLink: RedisFault = {
  name: "connections to Redis slowed down",
  async run({ stage, random }) {
    const ms = random.between(5, 150);
    for (const slot of stage.slots) stage.linkOf(slot).setDelay(ms);
    await lasting(random.between(500, 2000));
    for (const slot of stage.slots) stage.linkOf(slot).setDelay(0);
  },
};

const loseAnswers: RedisFault = {
  name: "answers of Redis held back, and lost",
  async run({ stage, random }, leader) {
    const link = stage.linkOf(leader);
    link.holdAnswers(true);
    await lasting(random.between(5, stage.leaseMs * 1.5));
    link.cut();
    link.holdAnswers(false);
    await untilLeader(stage);
  },
};

const holdAnswers: RedisFault = {
  name: "answers of Redis held back, and released",
  async run({ stage, random }, leader) {
    const link = stage.linkOf(leader);
    link.holdAnswers(true);
    await lasting(random.between(50, stage.leaseMs * 2));
    link.holdAnswers(false);
  },
};

/** What befalls the network between them. */
export const linkFaults: readonly RedisFault[] = [
  cutLink,
  isolateLeader,
  isolateBoth,
  slowLink,
  loseAnswers,
  holdAnswers,
];
