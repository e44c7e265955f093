import { expiryMsMax } from "@jackalope/core/adapter";

/**
 * The milliseconds of an `expiration` header, or what is wrong with it, in the Erlang terms that RabbitMQ's texts show:
 * an optional sign and digits are a number, whatever follows is a leftover.
 */
export function expirationOf(text: string): number | { readonly problem: string } {
  const match = /^([+-]?)(\d+)([^]*)$/.exec(text);
  if (match === null) return { problem: "no_integer" };
  const [, sign, digits = "0", leftover] = match;
  if (leftover !== "") return { problem: `{leftover_string,"${leftover ?? ""}"}` };
  const value = Number(digits);
  if (sign === "-" && value > 0) return { problem: `{value_negative,-${BigInt(digits)}}` };
  return value > expiryMsMax ? { problem: `{value_too_big,${BigInt(digits)}}` } : value;
}
