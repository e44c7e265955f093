import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Slot } from "../stage/slot.ts";
import type { Stage } from "../stage/stage.ts";
import type { Fault } from "./fault.ts";

/** The attackers of the hostile suite, built; see docs/testing.md. */
const attackerProgram = fileURLToPath(
  new URL(
    import.meta.url.includes("/dist/")
      ? "../../../hostile/dist/hostile/attacker.js"
      : "../../hostile/dist/hostile/attacker.js",
    import.meta.url,
  ),
);
/** Of the floods there, those that use nothing that the crew uses. */
const floods = ["mqtt-fan-out-20-100", "amqp-topic-10-100", "amqp-fanout-100-queues"];
/** A flood that is not over by then is over all the same: a broker that it has made lose its lease answers nobody. */
const endMs = 30_000;

const flood: Fault<Stage> = {
  name: "a flood of other clients",
  async run({ random }, leader) {
    const name = random.shuffled(floods)[0] as string;
    await runFlood(name, leader, random.between(2, 5));
  },
};

/** What becomes of the flood is its own business: here the crew's promises count. */
function runFlood(name: string, leader: Slot, seconds: number): Promise<void> {
  const { amqp: amqpPort, mqtt: mqttPort } = leader.ports;
  const scene = { amqpPort, mqttPort, long: false, seconds };
  const child = fork(attackerProgram, [name, JSON.stringify(scene)], { execArgv: [], stdio: "ignore" });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000 + endMs);
    child.once("error", reject);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** More load than a broker can carry, beside the crew. */
export const overloadFaults: readonly Fault<Stage>[] = [flood];
