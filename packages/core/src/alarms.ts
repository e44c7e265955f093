import type { Containment } from "./containment.ts";
import { inSlices } from "./long-act.ts";
import type { Turn } from "./turn.ts";

/** What can run out. */
export type AlarmKind = "memory" | "disk";

/** Numbers that say why: bytes and bounds, by name. */
export type AlarmFacts = Readonly<Record<string, number>>;

/** An alarm that is on. */
export interface RaisedAlarm {
  readonly kind: AlarmKind;
  /** Which look found it. */
  readonly source: string;
  readonly facts: AlarmFacts;
}

const noFacts: AlarmFacts = {};

/**
 * The resource alarms. While one is on, publishes wait, and AMQP clients that publish are told by connection.blocked with
 * RabbitMQ's reasons.
 */
export class Alarms {
  readonly #sources: Record<AlarmKind, Map<string, AlarmFacts>> = { memory: new Map(), disk: new Map() };
  readonly #listeners = new Set<() => void>();
  readonly #containment: Containment | null;

  /** `containment` takes what a listener throws. */
  constructor(containment: Containment | null = null) {
    this.#containment = containment;
  }

  /** Has each of very many connections look at the alarms, in slices: what it sees is how they are by then. */
  lookForEach<T>(turn: Turn, connections: Iterable<T>, look: (connection: T) => void): void {
    const containment = this.#containment;
    const looking = inSlices(
      turn,
      (function* () {
        for (const connection of connections) {
          if (containment === null) look(connection);
          else containment.run("alarm", () => look(connection));
          yield;
        }
      })(),
    );
    if (looking instanceof Promise) containment?.watch("alarm", looking);
  }

  get blocked(): boolean {
    return this.isOn("memory") || this.isOn("disk");
  }

  /** `low on memory`, `low on disk`, `low on memory & disk`, or empty. */
  get reason(): string {
    const short = (["memory", "disk"] as const).filter((kind) => this.isOn(kind));
    return short.length === 0 ? "" : `low on ${short.join(" & ")}`;
  }

  isOn(kind: AlarmKind): boolean {
    return this.#sources[kind].size > 0;
  }

  /** True while this source has the alarm raised. */
  has(kind: AlarmKind, source: string): boolean {
    return this.#sources[kind].has(source);
  }

  /** Every alarm that is on, with the latest facts of each. */
  get raised(): readonly RaisedAlarm[] {
    return (["memory", "disk"] as const).flatMap((kind) =>
      [...this.#sources[kind]].map(([source, facts]) => ({ kind, source, facts })),
    );
  }

  /** Raises or clears the alarm of one source; a kind is on while any source has it raised. `facts` may be renewed. */
  set(kind: AlarmKind, source: string, on: boolean, facts: AlarmFacts = noFacts): void {
    const before = this.reason;
    if (on) this.#sources[kind].set(source, facts);
    else this.#sources[kind].delete(source);
    if (this.reason === before) return;
    for (const listener of [...this.#listeners]) {
      if (this.#containment === null) listener();
      else this.#containment.run("alarm", listener);
    }
  }

  /** Calls `listener` at each change of `reason`. Returns the cancellation. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
