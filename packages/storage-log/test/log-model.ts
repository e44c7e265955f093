import type { Lsn, StorageEngine } from "@jackalope/core/storage";
import { type OpenedStorage, testMessage } from "@jackalope/testkit";

/** One call of the engine, with everything in it that chance decides. */
export type Step =
  | { kind: "append"; queueIds: number[]; bytes: number }
  | { kind: "settle"; queueId: number; pick: number }
  | { kind: "put"; key: string; value: string | null }
  | { kind: "atomic"; steps: Exclude<Step, { kind: "atomic" }>[] };

/** What an engine should hold after some steps. */
export class LogModel {
  readonly definitions: Map<string, string> = new Map();
  readonly messages: Map<Lsn, { queueIds: Set<number>; body: string }> = new Map();
  /** All messages ever, for `pick`. */
  readonly lsns: Lsn[] = [];
  /** After each step: its Lsn, and the state in text. */
  readonly history: { lsn: Lsn; state: string }[];
  #bodies = 0;

  constructor(lsn: Lsn) {
    this.history = [{ lsn, state: this.state() }];
  }

  /** Does a step to the engine and to the model. */
  run(engine: StorageEngine, step: Step): Lsn {
    let lsn = 0;
    if (step.kind === "atomic") {
      lsn = engine.atomic(() => {
        for (const inner of step.steps) this.#apply(engine, inner);
      });
    } else lsn = this.#apply(engine, step);
    this.history.push({ lsn, state: this.state() });
    return lsn;
  }

  /** Goes on from what a restart came up with, which has to be the state after some step that was not lost. */
  restarted(opened: OpenedStorage, bodies: readonly string[]): void {
    this.definitions.clear();
    for (const [key, value] of opened.definitions) this.definitions.set(key, value.toString());
    this.messages.clear();
    for (const [index, message] of opened.messages.entries()) {
      this.messages.set(message.lsn, { queueIds: new Set(message.queueIds), body: bodies[index] as string });
    }
    this.history.length = 0;
    this.history.push({ lsn: opened.engine.durable, state: this.state() });
  }

  state(): string {
    const definitions = [...this.definitions].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const messages = [...this.messages].toSorted(([a], [b]) => a - b);
    const lines = messages.map(([lsn, message]) => `${lsn} [${[...message.queueIds].toSorted()}] ${message.body}`);
    return [...definitions.map(([key, value]) => `${key}=${value}`), ...lines].join("\n");
  }

  #apply(engine: StorageEngine, step: Exclude<Step, { kind: "atomic" }>): Lsn {
    switch (step.kind) {
      case "append": {
        const body = `${this.#bodies++}`.padEnd(step.bytes, ".");
        const lsn = engine.append(step.queueIds, testMessage(body));
        this.messages.set(lsn, { queueIds: new Set(step.queueIds), body });
        this.lsns.push(lsn);
        return lsn;
      }
      case "settle": {
        const lsn = this.lsns.at(-1 - (step.pick % Math.max(1, this.lsns.length))) ?? 1;
        const message = this.messages.get(lsn);
        message?.queueIds.delete(step.queueId);
        if (message?.queueIds.size === 0) this.messages.delete(lsn);
        return engine.settle(step.queueId, lsn);
      }
      case "put":
        if (step.value === null) this.definitions.delete(step.key);
        else this.definitions.set(step.key, step.value);
        return engine.put(step.key, step.value === null ? null : Buffer.from(step.value));
    }
  }
}

/** What an engine holds after recovery, as `LogModel.state` puts it, and the bodies. */
export async function recoveredState(opened: OpenedStorage): Promise<{ state: string; bodies: string[] }> {
  const read = await opened.engine.read(opened.messages.map((message) => message.lsn));
  const bodies = read.map((message) => Buffer.from(message.body).toString());
  const definitions = [...opened.definitions].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = opened.messages.map(
    (message, index) => `${message.lsn} [${[...message.queueIds].toSorted()}] ${bodies[index]}`,
  );
  return { state: [...definitions.map(([key, value]) => `${key}=${value}`), ...lines].join("\n"), bodies };
}
