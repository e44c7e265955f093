import { Message } from "./message.ts";
import type { Lsn, RecoveryVisitor, StorageEngine, StorageListener, StorageStatistics } from "./storage-engine.ts";

/**
 * The engine that forgets: nothing outlives the process, so the broker does not store through it at all and everything
 * is durable at once. What is appended all the same can be read back until every queue has settled it.
 */
export class MemoryStorage implements StorageEngine {
  readonly name = "memory";
  readonly remote = false;
  readonly persistent: boolean = false;
  readonly pendingBytes = 0;
  readonly #messages = new Map<Lsn, { readonly message: Message; readonly queueIds: Set<number> }>();
  #lastLsn: Lsn = 0;
  #storedBytes = 0;
  #writtenBytes = 0;

  get durable(): Lsn {
    return this.#lastLsn;
  }

  async recover(_listener: StorageListener, _visitor: RecoveryVisitor): Promise<void> {}

  append(queueIds: readonly number[], message: Message): Lsn {
    const lsn = ++this.#lastLsn;
    this.#messages.set(lsn, { message: copyOf(message, lsn), queueIds: new Set(queueIds) });
    this.#storedBytes += message.sizeBytes;
    this.#writtenBytes += message.sizeBytes;
    return lsn;
  }

  settle(queueId: number, lsn: Lsn): Lsn {
    const stored = this.#messages.get(lsn);
    if (stored?.queueIds.delete(queueId) && stored.queueIds.size === 0) {
      this.#messages.delete(lsn);
      this.#storedBytes -= stored.message.sizeBytes;
    }
    return this.#lastLsn;
  }

  put(_key: string, _value: Uint8Array | null): Lsn {
    return ++this.#lastLsn;
  }

  atomic(writes: () => void): Lsn {
    writes();
    return this.#lastLsn;
  }

  async read(messages: readonly Lsn[]): Promise<readonly Message[]> {
    return messages.map((lsn) => {
      const stored = this.#messages.get(lsn);
      if (stored === undefined) throw new Error(`message ${lsn} is not stored`);
      return stored.message;
    });
  }

  flush(): void {}

  statistics(): StorageStatistics {
    return { storedBytes: this.#storedBytes, writtenBytes: this.#writtenBytes, commits: 0, segments: 0 };
  }

  async close(): Promise<void> {
    this.#messages.clear();
  }
}

/** A message of the engine's own: the caller's may change its bytes and get another Lsn. */
function copyOf(message: Message, lsn: Lsn): Message {
  const { nativeStart, nativeEnd, bodyStart, bodyEnd } = message;
  const copy = new Message(message.route, message.format, message.bytes, nativeStart, nativeEnd, bodyStart, bodyEnd);
  copy.own();
  copy.persistent = message.persistent;
  copy.priority = message.priority;
  copy.expirationMs = message.expirationMs;
  copy.publishedAtMs = message.publishedAtMs;
  copy.extraKeys = message.extraKeys;
  copy.lsn = lsn;
  return copy;
}
