/** The broker cannot start, for a reason outside of it; `message` is one line for the person who started it. */
export class StartError extends Error {
  constructor(text: string, cause?: unknown) {
    super(text, { cause });
    this.name = "StartError";
  }
}

/** The broker is closed, and its store did not take the last commits. `message` is what the store said. */
export class UnsavedError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "UnsavedError";
  }
}

/** The code of a system error such as `EADDRINUSE`, or an empty text. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
