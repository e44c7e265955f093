import type { FieldTable } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";

/**
 * How one exchange type finds destinations. An exchange has one; the trie, the map and the lists behind it are private
 * to each type's file.
 */
export interface Matcher {
  /** True where matches depend on headers, so that routes cannot be remembered by key. */
  readonly readsHeaders: boolean;
  /** Bindings that the last match compared one by one; 0 where it finds them otherwise. */
  readonly compared: number;
  /** Adds a binding. Throws BrokerError precondition-failed where its arguments make no sense for the type. */
  add(binding: Binding): void;
  remove(binding: Binding): void;
  /**
   * Calls `found` for each destination bound for this key and these headers; duplicates are the caller's business.
   * `topic` is the exact MQTT topic where the key does not tell it.
   */
  match(routingKey: string, headers: FieldTable, found: (destination: Destination) => void, topic: string | null): void;
}
