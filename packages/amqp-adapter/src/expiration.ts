import { expiryMsMax } from "@jackalope/core/adapter";

/**
 * The milliseconds of an `expiration` property, or what is wrong with it, in the Erlang terms that RabbitMQ's texts
 * show: an optional sign and digits are a number, whatever follows is a leftover.
 */
export function expirationOf(text: string): number | { readonly problem: string } {
  const match = /^([+-]?\d+)([^]*)$/.exec(text);
  if (match === null) return { problem: "no_integer" };
  const [, digits, leftover] = match;
  if (leftover !== "") return { problem: `{leftover_string,"${leftover ?? ""}"}` };
  const value = BigInt((digits ?? "0").replace("+", ""));
  if (value < 0n) return { problem: `{value_negative,${value}}` };
  return value > BigInt(expiryMsMax) ? { problem: `{value_too_large,${value}}` } : Number(value);
}
