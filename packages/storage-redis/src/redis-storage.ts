import {
  type Clock,
  type Logger,
  type Lsn,
  type Message,
  type RecoveryVisitor,
  silentLogger,
  type StorageEngine,
  type StorageListener,
  type StorageStatistics,
  timeoutClock,
} from "@jackalope/core/storage";
import { parseRedisAddress } from "./address.ts";
import { type Commit } from "./commit.ts";
import { CommitLoop } from "./commit-loop.ts";
import { Compactor } from "./compactor.ts";
import { type ConnectionListener, RedisConnection } from "./connection.ts";
import { durabilityOf } from "./durability-report.ts";
import { acknowledged } from "./entry.ts";
import { Keys, messageBytesMax, sharedStream } from "./layout.ts";
import { Lease } from "./lease.ts";
import { MessageReader } from "./message-reader.ts";
import { type Recovered, Recovery } from "./recovery.ts";
import { CorruptStreamError, type LeaseLostError, StoreClosedError, UnsuitableRedisError } from "./redis-error.ts";
import type { RedisStorageOptions } from "./redis-storage-options.ts";
import { StreamList } from "./stream-list.ts";
import { Unsettled } from "./unsettled.ts";

const leaseMsDefault = 3000;
const answerTimeoutMsDefault = 5000;
const closeTimeoutMsDefault = 5000;
const garbageBytesMaxDefault = 64 * 1024 * 1024;
/** Lets pass between two attempts to recover. */
const retryMs = 100;
/** The one home there is as yet. */
const home = 0;

/**
 * Durability in Redis Streams. `recover` connects and waits until this broker leads, however long that takes; `close`
 * ends the waiting, and `recover` rejects with StoreClosedError then. It rejects with UnsuitableRedisError where Redis
 * cannot do what is asked for, and with CorruptStreamError where what is stored cannot be read. Throws RangeError for an
 * address that is none.
 */
export function openRedisStorage(options: RedisStorageOptions): StorageEngine {
  return new RedisStorage(options);
}

class RedisStorage implements StorageEngine {
  readonly name = "redis";
  readonly persistent = true;
  readonly remote = true;
  readonly #options: RedisStorageOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keys: Keys;
  readonly #unsettled = new Unsettled();
  readonly #connection: RedisConnection;
  readonly #lease: Lease;
  readonly #reader: MessageReader;
  #commits: CommitLoop | null = null;
  #compactor: Compactor | null = null;
  /** Set once what is stored is known. */
  #listener: StorageListener | null = null;
  #whenReady: (() => void) | null = null;
  #lost = false;
  #closed = false;

  constructor(options: RedisStorageOptions) {
    this.#options = options;
    this.#clock = options.clock ?? timeoutClock;
    this.#logger = options.logger ?? silentLogger;
    const cluster = options.cluster ?? "default";
    this.#keys = new Keys(cluster, home);
    const address = parseRedisAddress(options.address);
    const leaseMs = options.leaseMs ?? leaseMsDefault;
    const answerTimeoutMs = options.answerTimeoutMs ?? answerTimeoutMsDefault;
    const connect = (listener: ConnectionListener, timeoutMs: number, logger: Logger): RedisConnection => {
      const { tls = {}, sentinelUserName = "", sentinelPassword = "" } = options;
      const { state: key } = this.#keys;
      const own = { address, tls, sentinelUserName, sentinelPassword, key, name: `jackalope:${cluster}` };
      return new RedisConnection({ ...own, answerTimeoutMs: timeoutMs, clock: this.#clock, logger }, listener);
    };
    this.#connection = connect(
      { ready: () => this.#connected(), lost: (error) => this.#commits?.failed(error) },
      answerTimeoutMs,
      this.#logger,
    );
    this.#lease = new Lease({
      // A lease that is to be renewed in time cannot wait for a connection that is dead.
      connect: (listener) => connect(listener, Math.min(answerTimeoutMs, Math.max(500, leaseMs / 3)), silentLogger),
      keys: this.#keys,
      clock: this.#clock,
      logger: this.#logger,
      leaseMs,
      lost: (error) => this.#leaseLost(error),
      waiting: (leader) => options.onStandby?.(leader),
      unreachable: (reason) => options.onUnreachable?.(reason),
      acquired: () => options.onLease?.(),
      renewed: (end) => this.#listener?.ownedUntil(end),
    });
    this.#reader = new MessageReader({
      connection: this.#connection,
      keys: this.#keys,
      unsettled: this.#unsettled,
      known: () => this.#opened().known,
      lost: (error) => this.#leaseLost(error),
    });
  }

  get durable(): Lsn {
    return this.#commits?.durable ?? 0;
  }

  get pendingBytes(): number {
    return this.#commits?.pendingBytes ?? 0;
  }

  async recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void> {
    const { waitReplicas = 0, waitAof = false } = this.#options;
    let told = "";
    while (!this.#closed) {
      try {
        const writer = await this.#lease.acquire();
        await this.#ready();
        const report = await durabilityOf(this.#connection, { waitReplicas, waitAof });
        const recovered = await new Recovery(this.#connection, this.#keys, writer).run();
        if (this.#lease.writer !== writer) continue;
        this.#begin(writer, recovered, listener);
        await Recovery.tell(recovered, visitor);
        this.#logger.info({ cluster: this.#options.cluster ?? "default", writer }, "this broker leads");
        report(this.#logger);
        return;
      } catch (error) {
        if (isFinal(error)) throw await this.#giveUp(error);
        const { message } = error as Error;
        if (message !== told) this.#logger.warn({ error: message }, "cannot recover from Redis, trying again");
        told = message;
        await new Promise<void>((resolve) => this.#clock.after(retryMs, resolve));
      }
    }
    throw new StoreClosedError();
  }

  append(queueIds: readonly number[], message: Message): Lsn {
    const commits = this.#opened();
    // Redis would close the connection, again and again.
    if (message.sizeBytes > messageBytesMax) throw new RangeError(`a message is larger than ${messageBytesMax} bytes`);
    const lsn = ++commits.lastLsn;
    const streamId = queueIds.length === 1 ? (queueIds[0] as number) : sharedStream;
    const begun = commits.gathering.add(streamId, lsn, message, queueIds);
    if (begun !== null) {
      this.#unsettled.add(begun.entry);
      this.#reader.begun(begun);
      commits.added();
    }
    return lsn;
  }

  settle(queueId: number, lsn: Lsn): Lsn {
    const commits = this.#opened();
    const entry = this.#unsettled.find(queueId, lsn);
    const live = entry?.live ?? 0;
    if (entry === null || !entry.settle(entry.placeOf(lsn), queueId)) return commits.lastLsn;
    const end = this.#claimLsn(commits);
    const first = commits.gathering.touch(entry, commits.inGroup);
    this.#unsettled.settled(entry, live);
    // Last, as it may seal the entry.
    if (first) commits.added();
    return end;
  }

  put(key: string, value: Uint8Array | null): Lsn {
    const commits = this.#opened();
    const end = this.#claimLsn(commits);
    commits.gathering.define(key, value);
    commits.added();
    return end;
  }

  atomic(writes: () => void): Lsn {
    const commits = this.#opened();
    if (commits.inGroup) {
      writes();
      return commits.lastLsn;
    }
    // What is gathered is one script, and nothing is sealed before the group is over.
    commits.inGroup = true;
    try {
      writes();
    } finally {
      commits.inGroup = false;
    }
    const end = commits.lastLsn;
    commits.added();
    return end;
  }

  read(messages: readonly Lsn[]): Promise<readonly Message[]> {
    return this.#reader.read(messages);
  }

  flush(): void {
    this.#commits?.request();
  }

  statistics(): StorageStatistics {
    return {
      storedBytes: this.#unsettled.bytes,
      writtenBytes: this.#commits?.writtenBytes ?? 0,
      commits: this.#commits?.commits ?? 0,
      segments: this.#unsettled.entries,
    };
  }

  /** Rejects with what keeps Redis from taking them where commits are left after `closeTimeoutMs`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#whenReady?.();
    const commits = this.#commits;
    commits?.request();
    await commits?.whenIdle(this.#options.closeTimeoutMs ?? closeTimeoutMsDefault);
    const left = commits !== null && !commits.idle;
    commits?.end();
    await this.#lease.close(this.#connection);
    this.#connection.close();
    if (left) throw commits.failure ?? new Error("Redis has not answered");
  }

  /** The Lsn of a write that is no message: the first one of a commit needs a number of its own. */
  #claimLsn(commits: CommitLoop): Lsn {
    if (commits.gathering.empty) commits.lastLsn++;
    return commits.lastLsn;
  }

  #opened(): CommitLoop {
    if (this.#commits === null) throw new Error("the store is not recovered");
    return this.#commits;
  }

  #begin(writer: string, recovered: Recovered, listener: StorageListener): void {
    const { waitReplicas = 0, waitAof = false } = this.#options;
    this.#unsettled.restore(recovered.entries);
    this.#listener = listener;
    if (this.#lease.end !== null) listener.ownedUntil(this.#lease.end);
    this.#commits = new CommitLoop({
      connection: this.#connection,
      keys: this.#keys,
      writer,
      listener,
      clock: this.#clock,
      logger: this.#logger,
      lastNumber: recovered.lastNumber,
      lastLsn: recovered.lastLsn,
      streams: new StreamList(recovered.streams, recovered.emptyStreams),
      unsettled: this.#unsettled,
      waitReplicas,
      waitAof,
      committed: (commit) => this.#committed(commit),
      lost: (error) => this.#leaseLost(error),
    });
    this.#compactor = new Compactor({
      commits: this.#commits,
      reader: this.#reader,
      unsettled: this.#unsettled,
      logger: this.#logger,
      garbageBytesMax: this.#options.garbageBytesMax ?? garbageBytesMaxDefault,
    });
    // Left over from a crash; the first commit sweeps it up.
    this.#commits.gathering.leftOver(recovered.finished, recovered.orphans);
  }

  #committed(commit: Commit): void {
    for (const { entry } of commit.writers) entry.mark(acknowledged);
    this.#reader.committed(commit);
    this.#compactor?.consider();
  }

  #connected(): void {
    this.#whenReady?.();
    this.#commits?.connected();
  }

  async #ready(): Promise<void> {
    while (!this.#connection.ready && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#whenReady = resolve;
      });
    }
    this.#whenReady = null;
  }

  async #giveUp(error: unknown): Promise<unknown> {
    this.#closed = true;
    await this.#lease.close(this.#connection);
    this.#connection.close();
    return error;
  }

  #leaseLost(error: LeaseLostError): void {
    // While recovery is under way it finds out by itself and begins again.
    if (this.#commits === null || this.#lost) return;
    this.#lost = true;
    // First: what is said from here on may leave.
    this.#listener?.ownershipLost();
    this.#commits.lose(error);
    if (this.#closed) return;
    this.#logger.error(
      { owner: this.#lease.owner, error: error.message },
      "this broker leads no more: nothing is written from now on",
    );
    this.#options.onLeaseLost?.(error);
  }
}

function isFinal(error: unknown): boolean {
  return (
    error instanceof CorruptStreamError || error instanceof UnsuitableRedisError || error instanceof StoreClosedError
  );
}
