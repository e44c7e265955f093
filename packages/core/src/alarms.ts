import type { Containment } from "./containment.ts";

/** What can run out. */
export type AlarmKind = "memory" | "disk";

/**
 * The resource alarms. While one is on, connections that publish are not read from, and AMQP clients are told by
 * connection.blocked with RabbitMQ's reasons.
 */
export class Alarms {
  readonly #sources: Record<AlarmKind, Set<string>> = { memory: new Set(), disk: new Set() };
  readonly #listeners = new Set<() => void>();
  readonly #containment: Containment | null;

  /** `containment` takes what a listener throws. */
  constructor(containment: Containment | null = null) {
    this.#containment = containment;
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

  /** Raises or clears the alarm of one source; a kind is on while any source has it raised. */
  set(kind: AlarmKind, source: string, on: boolean): void {
    const before = this.reason;
    if (on) this.#sources[kind].add(source);
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
