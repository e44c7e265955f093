/** Why a connection does not read; it reads again when none is left. */
export const stopReasons = {
  /** A request is being made durable: frames are handled strictly in order. */
  operation: 1,
  /** Publishers are faster than the disk. */
  held: 2,
  /** A resource alarm is on. */
  blocked: 4,
  /** The client does not read what it asked for. */
  outbox: 8,
  /** A message of the client's is still on its way to very many queues. */
  fanOut: 16,
  /** The protocol's engine is not ours, and is still busy with what it was given. */
  engine: 32,
} as const;
