/** This broker leads no more: nothing of it is written from now on, and it has to start again. */
export class LeaseLostError extends Error {
  constructor(reason = "another broker has taken over") {
    super(reason);
    this.name = "LeaseLostError";
  }
}

/** The store was closed before this broker led. */
export class StoreClosedError extends Error {
  constructor() {
    super("the store was closed before this broker led");
    this.name = "StoreClosedError";
  }
}

/** This Redis, or the way it is set up, will not do. */
export class UnsuitableRedisError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "UnsuitableRedisError";
  }
}

/** An entry cannot be read: one of its fields is missing or is not what this engine writes. */
export class CorruptIndexError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "CorruptIndexError";
  }
}

/** What is stored is not as this engine left it. */
export class CorruptStreamError extends Error {
  constructor(key: string, reason: string, options?: ErrorOptions) {
    super(`${key}: ${reason}. Nothing was changed`, options);
    this.name = "CorruptStreamError";
  }
}

/** What an error means for what was being written. */
export type Failure =
  /** Another home writes now. */
  | { readonly kind: "fenced" }
  /** Redis has forgotten commits that it had confirmed; this is the last one that it knows. */
  | { readonly kind: "gap"; readonly last: number }
  /** Redis holds what no commit of this broker has written: what the broker knows is not what is stored. */
  | { readonly kind: "astray" }
  /** Redis has no room: deleting what is settled makes some. */
  | { readonly kind: "full" }
  /** Anything else, connection errors, LOADING, READONLY, MISCONF and the like: it passes, try again. */
  | { readonly kind: "retry" };

/** Reads Redis' answer to a commit. */
export function failureOf(error: Error): Failure {
  const { message } = error;
  if (message.startsWith("FENCED")) return { kind: "fenced" };
  if (message.startsWith("GAP ")) return { kind: "gap", last: Number.parseInt(message.slice(4), 10) };
  if (message.startsWith("ASTRAY") || message.includes("smaller than the target stream top item")) {
    return { kind: "astray" };
  }
  if (message.includes("OOM")) return { kind: "full" };
  return { kind: "retry" };
}
