import type { FieldTable } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";
import type { Matcher } from "./matcher.ts";

/** Fanout exchanges: every binding matches. */
export class FanoutMatcher implements Matcher {
  readonly readsHeaders = false;
  readonly compared = 0;
  readonly #bindings = new Set<Binding>();

  add(binding: Binding): void {
    this.#bindings.add(binding);
  }

  remove(binding: Binding): void {
    this.#bindings.delete(binding);
  }

  match(_routingKey: string, _headers: FieldTable, found: (destination: Destination) => void): void {
    for (const binding of this.#bindings) found(binding.destination);
  }
}
