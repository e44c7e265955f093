import type { Message } from "./message.ts";

/** Where a message is in the spill area: 1 and up, below 2^53, and never given twice while anybody holds it. */
export type SpillPosition = number;

/** What a spill area tells the broker: once a write or once a failure, never once a message. */
export interface SpillListener {
  /** `pendingBytes` has become less. */
  spillWritten(): void;
  /** Writes fail (disk full, I/O error). The area keeps what it has in memory and tries again by itself. */
  spillFailed(error: Error): void;
  /** Writes work again after `spillFailed`. */
  spillRecovered(): void;
}

/** Counters for /metrics. */
export interface SpillStatistics {
  /** Bytes of its files. */
  readonly fileBytes: number;
  /** Messages that somebody still holds. */
  readonly messages: number;
  /** Since the area was opened. */
  readonly writtenBytes: number;
}

/**
 * Where messages that no engine keeps go when they stand behind a queue's window: on a disk, without a promise. Nothing of
 * it outlives the process.
 *
 * `append` and `release` are synchronous and only buffer; `flush`, called once at the end of each turn, begins to write.
 */
export interface SpillArea {
  /** Bytes handed over and not yet in a file: publishers whose messages go here are held back by a bound on it. */
  readonly pendingBytes: number;
  /** Removes what an earlier process left. Called once, before anything else. */
  open(listener: SpillListener): Promise<void>;
  /**
   * Takes a message for one holder; its bytes are copied before the call returns. The same message again is
   * one copy with a further holder (`Message.spilledAt`).
   */
  append(message: Message): SpillPosition;
  /**
   * Reads messages back, in the order asked for, as owned Messages; unwritten ones too. Who asks holds them at the call and
   * may release them before the answer. Rejects where the medium fails.
   */
  read(positions: readonly SpillPosition[]): Promise<readonly Message[]>;
  /** One holder is done with the message. */
  release(position: SpillPosition): void;
  flush(): void;
  statistics(): SpillStatistics;
  /** Forgets everything and removes its files. No call may follow. */
  close(): Promise<void>;
}
