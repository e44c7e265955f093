/** A pattern that cannot be used; `message` says why, in words for the administrator. */
export class PatternError extends SyntaxError {
  constructor(pattern: string, why: string) {
    const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
    super(`invalid pattern '${shown}': ${why}`);
    this.name = "PatternError";
  }
}
