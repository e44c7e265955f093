/** The broker cannot start, for a reason outside of it; `message` is one line for the person who started it. */
export class StartError extends Error {
  constructor(text: string, cause?: unknown) {
    super(text, { cause });
    this.name = "StartError";
  }
}

/** The code of a system error such as `EADDRINUSE`, or an empty text. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
