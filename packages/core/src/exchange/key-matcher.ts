import type { FieldTable } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";
import type { Matcher } from "./matcher.ts";

/** Direct exchanges: the routing key equals the binding key. */
export class KeyMatcher implements Matcher {
  readonly readsHeaders = false;
  readonly compared = 0;
  readonly #byKey = new Map<string, Set<Binding>>();

  add(binding: Binding): void {
    let bindings = this.#byKey.get(binding.routingKey);
    if (bindings === undefined) this.#byKey.set(binding.routingKey, (bindings = new Set()));
    bindings.add(binding);
  }

  remove(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    if (bindings?.delete(binding) && bindings.size === 0) this.#byKey.delete(binding.routingKey);
  }

  match(routingKey: string, _headers: FieldTable, found: (destination: Destination) => void): void {
    const bindings = this.#byKey.get(routingKey);
    if (bindings !== undefined) for (const binding of bindings) found(binding.destination);
  }
}
