import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Attack, Scene } from "./attack.ts";
import type { AttackerMessage } from "./attacker.ts";
import type { Broker } from "./stage/broker.ts";

/** In dist, whoever asks: a child runs no TypeScript. */
const attackerProgram = fileURLToPath(
  new URL(import.meta.url.includes("/dist/") ? "./attacker.js" : "./dist/hostile/attacker.js", import.meta.url),
);
const lookMs = 100;

export interface AttackTerms {
  readonly long: boolean;
  readonly seconds: number;
  /** An attack that takes longer has failed. */
  readonly attackMsMax: number;
}

/** What an attacker had to say. */
export interface AttackOutcome {
  readonly notes: readonly string[];
  readonly failures: readonly string[];
}

/** Runs an attack in a process of its own. Resolves when it is over, has taken too long, or the broker is dead. */
export function runAttacker(attack: Attack, broker: Broker, terms: AttackTerms): Promise<AttackOutcome> {
  const { long, seconds, attackMsMax } = terms;
  const scene: Omit<Scene, "note"> = { ...broker.ports, long, seconds, brokerProcessId: broker.child.pid ?? 0 };
  const child = fork(attackerProgram, [attack.name, JSON.stringify(scene)], { execArgv: [] });
  const notes: string[] = [];
  const failures: string[] = [];
  child.on("message", (message: AttackerMessage) => {
    if (message.kind === "note") notes.push(message.text);
    if (message.kind === "failed") failures.push(`the attacker: ${message.text}`);
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      failures.push(`the attack was not over after ${attackMsMax} ms`);
      child.kill("SIGKILL");
    }, attackMsMax);
    const deathWatch = setInterval(() => {
      if (broker.ending !== null) child.kill("SIGKILL");
    }, lookMs);
    child.once("exit", () => {
      clearTimeout(timer);
      clearInterval(deathWatch);
      resolve({ notes, failures });
    });
  });
}
