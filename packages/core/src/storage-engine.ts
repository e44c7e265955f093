import type { Deadline } from "./deadline.ts";
import type { Message } from "./message.ts";

/**
 * Position in an engine's write order: 1, 2, 3, … below 2^53, growing over restarts too. A message's Lsn is also its
 * identity in the engine.
 */
export type Lsn = number;

/** What an engine tells the broker, once a commit or once a failure, never once a message. */
export interface StorageListener {
  /** Everything up to `engine.durable` is now as durable as the engine promises. */
  durable(): void;
  /** Writes fail (disk full, I/O error). The engine keeps what it has and retries by itself; nothing is confirmed. */
  failed(error: Error): void;
  /** Writes work again after `failed`. */
  recovered(): void;
  /**
   * Nobody else takes the store over before `end`. Called again with every renewal, late ones included; never by an engine
   * that cannot be taken over. Past `end` the broker hands out nothing that is stored.
   */
  ownedUntil(end: Deadline): void;
  /** Another broker has taken the store over: nothing is written from now on. */
  ownershipLost(): void;
  /**
   * The engine itself has failed, and not its medium: nobody knows what of its last writes stands where. It writes nothing
   * any more, and nothing more becomes durable.
   */
  broken(error: unknown): void;
}

/** What recovery knows of a stored message without its body. */
export interface StoredMessage {
  readonly lsn: Lsn;
  /** The queues that have not settled it. */
  readonly queueIds: readonly number[];
  /** Native properties and body in bytes, as `Message.sizeBytes`. */
  readonly sizeBytes: number;
  /** The body alone, which is what `x-max-length-bytes` counts. */
  readonly bodyBytes: number;
  readonly priority: number;
  /** As `Message.expirationMs`. */
  readonly expirationMs: number;
  readonly publishedAtMs: number;
}

/** Receives the state of an engine at start: every definition first, then every unsettled message in Lsn order. */
export interface RecoveryVisitor {
  definition(key: string, value: Uint8Array): void;
  /** The object is reused between calls. */
  message(message: StoredMessage): void;
}

/** Counters for /metrics; totals since the engine was opened unless said otherwise. */
export interface StorageStatistics {
  /** Bytes now held by the store. */
  readonly storedBytes: number;
  readonly writtenBytes: number;
  readonly commits: number;
  readonly segments: number;
}

/**
 * The seam between the broker and what remembers for it. Implementations: memory, the embedded log, Redis Streams. The
 * conformance suite in packages/testkit is the specification.
 *
 * `append`, `settle`, `put` and `atomic` are synchronous and only buffer; `flush`, called once at the end of each turn
 * of the event loop, begins one group commit. They must not be called before `recover` has resolved.
 */
export interface StorageEngine {
  /** For log lines: "memory", "embedded", "redis". */
  readonly name: string;
  /** False where nothing outlives the process, so that callers need not store at all. */
  readonly persistent: boolean;
  /**
   * True where the medium is elsewhere: it is away at times and comes back. Publishers are blocked when too much waits for
   * it, and not at the first failure as by a disk that is full.
   */
  readonly remote: boolean;
  /** Everything with an Lsn up to here is durable. */
  readonly durable: Lsn;
  /** Bytes handed over and not yet durable: publishers are held back by a bound on it. */
  readonly pendingBytes: number;
  /** Replays what is stored. Called once, before anything else. Throws on corruption that it refuses to guess about. */
  recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void>;
  /**
   * Stores one copy of `message` for all of `queueIds` (at least one) and returns its identity. The bytes are copied
   * before the call returns. Reads exchange and routing key from `message.route`.
   */
  append(queueIds: readonly number[], message: Message): Lsn;
  /**
   * One queue is done with one message (acknowledged, expired, purged, dead-lettered). Returns the Lsn at which that is
   * durable. Settling twice, or for a queue that does not hold the message, does nothing. A settle may survive a crash
   * that earlier writes do not survive: what must not be parted from it belongs into one `atomic` with it.
   */
  settle(queueId: number, message: Lsn): Lsn;
  /** Sets or removes (null) a definition. Keys are UTF-8 text. Returns the Lsn at which it is durable. */
  put(key: string, value: Uint8Array | null): Lsn;
  /** All writes made inside `writes` survive a crash together or not at all. Returns the Lsn at which they are durable. */
  atomic(writes: () => void): Lsn;
  /**
   * Reads messages back, in the order asked for, as owned Messages with `lsn` set. Appended but unflushed ones too.
   * Rejects where the medium fails.
   */
  read(messages: readonly Lsn[]): Promise<readonly Message[]>;
  /** End of turn: begins a commit of what is buffered unless one is under way; that one's end begins the next. */
  flush(): void;
  statistics(): StorageStatistics;
  /** Commits what is buffered, then releases everything. No call may follow. */
  close(): Promise<void>;
}
