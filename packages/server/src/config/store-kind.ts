import { parseRedisAddress } from "@jackalope/storage-redis";
import { z } from "zod";
import type { ValueKind } from "./value-kinds.ts";

/** Where messages are kept: a word, or the address of Redis. */
export function store(): ValueKind<string> {
  return {
    schema: z.string().refine((value) => value === "embedded" || value === "memory" || isRedisAddress(value)),
    allowed:
      "embedded, memory, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], redis+sentinel://HOST[:PORT],…/MASTER[/DATABASE] " +
      "or redis+cluster://HOST[:PORT],…; rediss is TLS, valkey and valkeys are the same for Valkey",
    placeholder: "STORE",
    format: (value) => value,
  };
}

function isRedisAddress(text: string): boolean {
  try {
    parseRedisAddress(text);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
