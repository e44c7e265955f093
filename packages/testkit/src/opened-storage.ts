import type { Deadline, Lsn, StorageEngine, StorageListener } from "@jackalope/core/storage";

/** A message as recovery told of it. */
export interface RecoveredMessage {
  readonly lsn: Lsn;
  readonly queueIds: readonly number[];
  readonly sizeBytes: number;
  readonly bodyBytes: number;
  readonly priority: number;
  readonly expirationMs: number;
  readonly publishedAtMs: number;
}

/** An engine after `recover`, what that told, and what the engine has said since. */
export class OpenedStorage implements StorageListener {
  readonly engine: StorageEngine;
  readonly definitions: Map<string, Buffer> = new Map();
  readonly messages: RecoveredMessage[] = [];
  /** "definition" and "message" in the order in which recovery came up with them, repetitions left out. */
  readonly recoveryOrder: string[] = [];
  /** What the engine told of its own failures. */
  readonly breaks: unknown[] = [];
  /** Called when the watermark moves: a test may throw here, as a listener must not. */
  onDurable: () => void = () => undefined;
  readonly failures: Error[] = [];
  recoveries = 0;
  /** What `ownedUntil` said last; null for engines that cannot be taken over. */
  ownedEnd: Deadline | null = null;
  ownershipLosses = 0;
  /** `engine.durable` at each call of `durable`. */
  readonly watermarks: Lsn[] = [];
  #waiting: (() => void)[] = [];

  private constructor(engine: StorageEngine) {
    this.engine = engine;
  }

  static async open(engine: StorageEngine): Promise<OpenedStorage> {
    const opened = new OpenedStorage(engine);
    await engine.recover(opened, {
      definition(key, value) {
        opened.definitions.set(key, Buffer.from(value));
        opened.#noteOrder("definition");
      },
      message(message) {
        opened.messages.push({ ...message, queueIds: [...message.queueIds] });
        opened.#noteOrder("message");
      },
    });
    return opened;
  }

  durable(): void {
    this.onDurable();
    this.watermarks.push(this.engine.durable);
    this.#wake();
  }

  failed(error: Error): void {
    this.failures.push(error);
    this.#wake();
  }

  ownedUntil(end: Deadline): void {
    this.ownedEnd = end;
    this.#wake();
  }

  ownershipLost(): void {
    this.ownershipLosses++;
    this.#wake();
  }

  broken(error: unknown): void {
    this.breaks.push(error);
    this.#wake();
  }

  recovered(): void {
    this.recoveries++;
    this.#wake();
  }

  /** Flushes and resolves when `lsn` is durable. */
  async commit(lsn: Lsn): Promise<void> {
    this.engine.flush();
    await this.until(() => this.engine.durable >= lsn);
  }

  /** Resolves when `condition` holds, looked at whenever the engine says something. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #noteOrder(what: string): void {
    if (this.recoveryOrder.at(-1) !== what) this.recoveryOrder.push(what);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
