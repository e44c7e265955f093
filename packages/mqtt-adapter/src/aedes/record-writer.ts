import type { Lsn, VirtualHost } from "@jackalope/core/adapter";

/** Kinds of records; stored, so never renamed. */
export type AedesRecordKind = "aedes-subscription" | "aedes-outgoing" | "aedes-incoming" | "aedes-will";

/** Writes the records of one virtual host's aedes clients, and knows where the last of them is durable. */
export class RecordWriter {
  /** Everything written so far is durable from here on. */
  lastLsn: Lsn = 0;
  readonly #host: VirtualHost;
  /** False where nothing outlives the process: then nothing is encoded either. */
  readonly #stores: boolean;

  constructor(host: VirtualHost) {
    this.#host = host;
    this.#stores = host.store.engine.persistent;
  }

  /** Stores what `encode` returns. */
  put(kind: AedesRecordKind, name: string, encode: () => Uint8Array): void {
    if (this.#stores) this.wrote(this.#host.records.put(kind, name, encode()));
  }

  remove(kind: AedesRecordKind, name: string): void {
    if (this.#stores) this.wrote(this.#host.records.put(kind, name, null));
  }

  /** All that `writes` puts and removes survives a crash together or not at all. */
  atomic(writes: () => void): void {
    if (this.#stores) this.wrote(this.#host.store.atomic(writes));
    else writes();
  }

  /** Takes note of what was written elsewhere and belongs to what callers wait for. */
  wrote(lsn: Lsn): void {
    this.lastLsn = Math.max(this.lastLsn, lsn);
  }

  /** Resolves when everything written so far is durable. */
  whenDurable(): Promise<void> {
    return this.#host.store.whenDurable(this.lastLsn);
  }

  /** Hands over what was stored before the start; see `Records.claimEach`. */
  claimEach(kind: AedesRecordKind, take: (name: string, value: Uint8Array) => void): void {
    this.#host.records.claimEach(kind, take);
  }
}
