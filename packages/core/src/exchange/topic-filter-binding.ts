import { BrokerError } from "../errors.ts";
import { findField, stringField } from "../field-value.ts";
import { isLongerThan, topicBytesMax } from "../name-bounds.ts";
import type { BindingSpec } from "./binding.ts";
import { keyOfFilter } from "./topic-name.ts";

/**
 * Bindings that go by the message's MQTT topic instead of its key. Their argument `x-topic-filter` is the topic filter;
 * the key says the same as far as a key can, and only people look at it.
 */
export const topicFilterArgument = "x-topic-filter";

/** The binding of a queue to a topic exchange by an MQTT topic filter. */
export function topicFilterBinding(source: string, queueName: string, filter: string): BindingSpec {
  return {
    source,
    destination: queueName,
    destinationKind: "queue",
    routingKey: keyOfFilter(filter),
    arguments: [[topicFilterArgument, stringField(filter)]],
  };
}

/** The topic filter that a binding goes by, null where it goes by its key. Throws precondition-failed for one that is no text. */
export function topicFilterOf(binding: Pick<BindingSpec, "arguments">): string | null {
  const value = findField(binding.arguments, topicFilterArgument);
  if (value === undefined) return null;
  if (value.kind === "string") {
    if (!isLongerThan(value.value, topicBytesMax)) return value.value;
    const text = `argument '${topicFilterArgument}' of a binding has more than ${topicBytesMax} bytes`;
    throw new BrokerError("precondition-failed", text);
  }
  throw new BrokerError("precondition-failed", `argument '${topicFilterArgument}' of a binding must be a string`);
}

/** The key that topic permissions look at: the topic filter is what counts in a binding that has one. Throws as `topicFilterOf`. */
export function permissionKeyOf(binding: BindingSpec): string {
  const filter = topicFilterOf(binding);
  return filter === null ? binding.routingKey : keyOfFilter(filter);
}
