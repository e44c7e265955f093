/** A selector that cannot be read; `message` says where and why. */
export class SelectorError extends Error {
  constructor(explanation: string) {
    super(explanation);
    this.name = "SelectorError";
  }
}
