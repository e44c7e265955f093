import type { FieldTable, FieldValue } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";
import { equalityKey } from "./field-equality.ts";
import { conditionOf, type HeadersCondition, MessageHeaders, satisfies } from "./headers-condition.ts";
import type { Matcher } from "./matcher.ts";

/** The bindings that one field leads to: those that ask for a value, and those that ask for presence only. */
interface FieldIndex {
  readonly byValue: Map<string, Set<Binding>>;
  readonly present: Set<Binding>;
}

/**
 * Headers exchanges (AMQP 0-9-1, 3.1.3.4, with RabbitMQ's `all-with-x` and `any-with-x`): a binding's arguments are
 * compared with the message's headers. A void argument asks for presence only; `x-` arguments take part only in the
 * with-x forms. An empty `all` matches every message, an empty `any` none.
 *
 * A message is compared with the bindings that one of its headers leads to: an `any` binding stands under each of its
 * fields, an `all` binding under one, that which leads to the fewest others.
 */
export class HeadersMatcher implements Matcher {
  readonly readsHeaders = true;
  compared = 0;
  readonly #conditions = new Map<Binding, HeadersCondition>();
  readonly #byField = new Map<string, FieldIndex>();
  /** Where each stands in `#byField`. */
  readonly #places = new Map<Binding, FieldTable>();
  readonly #unconditional = new Set<Binding>();

  add(binding: Binding): void {
    const condition = conditionOf(binding.arguments);
    this.#conditions.set(binding, condition);
    if (condition.fields.length === 0) {
      if (condition.all) this.#unconditional.add(binding);
      return;
    }
    const places = condition.all ? [this.#leastUsed(condition.fields)] : condition.fields;
    this.#places.set(binding, places);
    for (const [name, value] of places) this.#placeOf(name, value).add(binding);
  }

  remove(binding: Binding): void {
    this.#conditions.delete(binding);
    this.#unconditional.delete(binding);
    for (const [name, value] of this.#places.get(binding) ?? []) this.#leave(name, value, binding);
    this.#places.delete(binding);
  }

  match(_routingKey: string, headers: FieldTable, found: (destination: Destination) => void): void {
    this.compared = 0;
    for (const binding of this.#unconditional) found(binding.destination);
    if (this.#byField.size === 0) return;
    const message = new MessageHeaders(headers);
    for (const [name, value] of headers) {
      const index = this.#byField.get(name);
      // Of repeated names the first counts.
      if (index === undefined || message.find(name) !== value) continue;
      this.#matchAmong(index.present, message, found);
      if (index.byValue.size > 0) this.#matchAmong(index.byValue.get(equalityKey(value)), message, found);
    }
  }

  #matchAmong(
    bindings: ReadonlySet<Binding> | undefined,
    message: MessageHeaders,
    found: (destination: Destination) => void,
  ): void {
    if (bindings === undefined) return;
    this.compared += bindings.size;
    for (const binding of bindings) {
      if (satisfies(this.#conditions.get(binding) as HeadersCondition, message)) found(binding.destination);
    }
  }

  /** The field under which the fewest bindings stand by now. */
  #leastUsed(fields: FieldTable): readonly [name: string, value: FieldValue] {
    let best = fields[0] as readonly [string, FieldValue];
    let least = Number.POSITIVE_INFINITY;
    for (const field of fields) {
      const index = this.#byField.get(field[0]);
      const count = index === undefined ? 0 : (bindingsUnder(index, field[1])?.size ?? 0);
      if (count >= least) continue;
      best = field;
      least = count;
      if (least === 0) break;
    }
    return best;
  }

  #placeOf(name: string, value: FieldValue): Set<Binding> {
    let index = this.#byField.get(name);
    if (index === undefined) this.#byField.set(name, (index = { byValue: new Map(), present: new Set() }));
    const known = bindingsUnder(index, value);
    if (known !== undefined) return known;
    const made = new Set<Binding>();
    index.byValue.set(equalityKey(value), made);
    return made;
  }

  #leave(name: string, value: FieldValue, binding: Binding): void {
    const index = this.#byField.get(name);
    if (index === undefined) return;
    const bindings = bindingsUnder(index, value);
    bindings?.delete(binding);
    if (bindings?.size === 0 && bindings !== index.present) index.byValue.delete(equalityKey(value));
    if (index.byValue.size === 0 && index.present.size === 0) this.#byField.delete(name);
  }
}

function bindingsUnder(index: FieldIndex, value: FieldValue): Set<Binding> | undefined {
  return value.kind === "void" ? index.present : index.byValue.get(equalityKey(value));
}
