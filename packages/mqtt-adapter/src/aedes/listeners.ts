import { TopicFilterTree } from "@jackalope/core/adapter";
import type { Listener } from "./emission.ts";
import type { TopicSyntax } from "./topic-syntax.ts";

interface Entry {
  readonly filter: string;
  readonly listener: Listener;
}

/** Who listens to what in one emitter, by topic filter in MQTT's writing. */
export class ListenerTree {
  readonly #tree = new TopicFilterTree<Entry>();
  readonly #byFilter = new Map<string, Entry[]>();
  readonly #syntax: TopicSyntax;

  constructor(syntax: TopicSyntax) {
    this.#syntax = syntax;
  }

  /** The same listener may be added several times, and is called as often. */
  add(filter: string, listener: Listener): void {
    const entry = { filter, listener };
    const entries = this.#byFilter.get(filter);
    if (entries === undefined) this.#byFilter.set(filter, [entry]);
    else entries.push(entry);
    this.#tree.add(filter, entry);
  }

  /** False where there was no such listener. */
  remove(filter: string, listener: Listener): boolean {
    const entries = this.#byFilter.get(filter);
    const at = entries?.findIndex((entry) => entry.listener === listener) ?? -1;
    if (entries === undefined || at < 0) return false;
    const [entry] = entries.splice(at, 1);
    this.#tree.remove(filter, entry as Entry);
    if (entries.length === 0) this.#byFilter.delete(filter);
    return true;
  }

  /** Removes all listeners of a filter and returns their number. */
  removeAll(filter: string): number {
    const entries = this.#byFilter.get(filter) ?? [];
    for (const entry of entries) this.#tree.remove(filter, entry);
    this.#byFilter.delete(filter);
    return entries.length;
  }

  /** Those that listen to a topic now. */
  of(topic: string): readonly Listener[] {
    const found: Listener[] = [];
    this.#tree.match(topic, ({ filter, listener }) => {
      if (this.#syntax.accepts(filter, topic)) found.push(listener);
    });
    return found;
  }
}
