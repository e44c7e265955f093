/** Bit flags of a publish: an outcome, not an error. */
export const PublishResult = {
  none: 0,
  /** At least one queue or consumer has it. */
  routed: 1,
  /** A full queue refused it: the publisher gets a negative confirm. */
  rejected: 2,
} as const;
