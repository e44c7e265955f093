import type { FieldTable, FieldValue } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";
import { equalityKey, sameValue } from "./field-equality.ts";
import { conditionOf } from "./headers-condition.ts";
import type { Matcher } from "./matcher.ts";

/** One field that conditions ask for: a value, or presence only. Shared by all that ask for the same. */
interface Wanted {
  readonly name: string;
  readonly value: FieldValue;
  /** Conditions that ask for it. */
  uses: number;
  /** The last match whose message has it. */
  seen: number;
  /** The `any` bindings that ask for it, null where none does: thousands of empty sets take memory. */
  any: Set<Watch> | null;
  /** Those of the `all` bindings that ask for it and are looked for here. */
  all: Set<Watch> | null;
  /** Another one whose value has the same key and is not equal. */
  next: Wanted | null;
}

/** A binding and what it asks for. */
interface Watch {
  readonly binding: Binding;
  readonly wanted: readonly Wanted[];
  /** The last match that it was found by. */
  found: number;
}

/** Fields of a condition that are looked at in the time of one unit of a turn's work. */
const fieldsPerUnitShift = 6;

/**
 * Headers exchanges (AMQP 0-9-1, 3.1.3.4, with RabbitMQ's `all-with-x` and `any-with-x`): a binding's arguments are
 * compared with the message's headers. A void argument asks for presence only; `x-` arguments take part only in the
 * with-x forms. An empty `all` matches every message, an empty `any` none.
 *
 * Each header of a message is compared once with what anybody asks of it, however many bindings do, and marks that. Then
 * the bindings are looked at that one of the marks leads to: an `any` binding stands under each of its fields and is
 * found, an `all` binding under one, that which leads to the fewest others, and its other fields are to be marked as well.
 */
export class HeadersMatcher implements Matcher {
  readonly readsHeaders = true;
  compared = 0;
  /** How many fields are asked for under each name. */
  readonly #names = new Map<string, number>();
  /** By `keyOf`, the first of a chain. */
  readonly #wanted = new Map<string, Wanted>();
  readonly #watches = new Map<Binding, Watch>();
  readonly #unconditional = new Set<Binding>();
  /** Counts the matches. */
  #match = 0;

  add(binding: Binding): void {
    const { all, fields } = conditionOf(binding.arguments);
    if (fields.length === 0) {
      if (all) this.#unconditional.add(binding);
      return;
    }
    const watch: Watch = { binding, wanted: fields.map(([name, value]) => this.#want(name, value)), found: 0 };
    this.#watches.set(binding, watch);
    if (all) addTo(leastUsed(watch.wanted), "all", watch);
    else for (const wanted of watch.wanted) addTo(wanted, "any", watch);
  }

  remove(binding: Binding): void {
    this.#unconditional.delete(binding);
    const watch = this.#watches.get(binding);
    if (watch === undefined) return;
    this.#watches.delete(binding);
    for (const wanted of watch.wanted) {
      wanted.any?.delete(watch);
      wanted.all?.delete(watch);
      if (--wanted.uses === 0) this.#forget(wanted);
    }
  }

  match(_routingKey: string, headers: FieldTable, found: (destination: Destination) => void): void {
    this.compared = 0;
    for (const binding of this.#unconditional) found(binding.destination);
    if (this.#names.size === 0) return;
    this.#match++;
    const marked = this.#mark(headers);
    for (const wanted of marked) {
      this.compared += bindingsAt(wanted);
      for (const watch of wanted.any ?? []) if (this.#isNew(watch)) found(watch.binding.destination);
      for (const watch of wanted.all ?? []) if (this.#holds(watch)) found(watch.binding.destination);
    }
  }

  /** What is asked for and one of the headers has. */
  #mark(headers: FieldTable): readonly Wanted[] {
    const marked: Wanted[] = [];
    const names = new Set<string>();
    for (const [name, value] of headers) {
      // Of repeated names the first counts.
      if (!this.#names.has(name) || names.has(name)) continue;
      names.add(name);
      const present = this.#wanted.get(keyOf(name, presence));
      if (present !== undefined) marked.push(present);
      const wanted = value.kind === "void" ? null : this.#find(name, value);
      if (wanted !== null) marked.push(wanted);
    }
    for (const wanted of marked) wanted.seen = this.#match;
    return marked;
  }

  #isNew(watch: Watch): boolean {
    if (watch.found === this.#match) return false;
    watch.found = this.#match;
    return true;
  }

  #holds({ wanted }: Watch): boolean {
    this.compared += wanted.length >>> fieldsPerUnitShift;
    for (let index = 0; index < wanted.length; index++) {
      if ((wanted[index] as Wanted).seen !== this.#match) return false;
    }
    return true;
  }

  #want(name: string, value: FieldValue): Wanted {
    const wanted = this.#find(name, value) ?? this.#enter(name, value);
    wanted.uses++;
    return wanted;
  }

  #find(name: string, value: FieldValue): Wanted | null {
    let wanted = this.#wanted.get(keyOf(name, value)) ?? null;
    while (wanted !== null && !sameValue(wanted.value, value)) wanted = wanted.next;
    return wanted;
  }

  #enter(name: string, value: FieldValue): Wanted {
    const key = keyOf(name, value);
    const next = this.#wanted.get(key) ?? null;
    const wanted: Wanted = { name, value, uses: 0, seen: 0, any: null, all: null, next };
    this.#wanted.set(key, wanted);
    this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
    return wanted;
  }

  #forget(wanted: Wanted): void {
    const { name, value } = wanted;
    const key = keyOf(name, value);
    let before = this.#wanted.get(key) as Wanted;
    if (before === wanted) {
      if (wanted.next === null) this.#wanted.delete(key);
      else this.#wanted.set(key, wanted.next);
    } else {
      while (before.next !== wanted) before = before.next as Wanted;
      before.next = wanted.next;
    }
    const uses = (this.#names.get(name) as number) - 1;
    if (uses === 0) this.#names.delete(name);
    else this.#names.set(name, uses);
  }
}

/** Asked of a header that only has to be there. */
const presence: FieldValue = { kind: "void" };

/** A text that names and equal values share. */
function keyOf(name: string, value: FieldValue): string {
  return `${name.length}:${name}${value.kind === "void" ? "" : equalityKey(value)}`;
}

function addTo(wanted: Wanted, place: "any" | "all", watch: Watch): void {
  const watches = wanted[place];
  if (watches === null) wanted[place] = new Set([watch]);
  else watches.add(watch);
}

function bindingsAt({ any, all }: Wanted): number {
  return (any?.size ?? 0) + (all?.size ?? 0);
}

/** The field under which the fewest bindings stand by now. */
function leastUsed(fields: readonly Wanted[]): Wanted {
  return fields.reduce((best, field) => (bindingsAt(field) < bindingsAt(best) ? field : best));
}
