import { MemoryStorage } from "@jackalope/core";
import type { Lsn, RecoveryVisitor, StorageListener } from "@jackalope/core/storage";

/** Storage that brokers take for persistent, and whose watermark stands still while a test holds it. */
export class HeldStorage extends MemoryStorage {
  override readonly persistent: boolean = true;
  #heldAt: Lsn | null = null;
  #listener: StorageListener | null = null;

  override get durable(): Lsn {
    return this.#heldAt ?? super.durable;
  }

  override recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void> {
    this.#listener = listener;
    return super.recover(listener, visitor);
  }

  /** Nothing more becomes durable. */
  hold(): void {
    this.#heldAt = super.durable;
  }

  /** Everything that was written meanwhile becomes durable, and so does what follows. */
  commit(): void {
    this.#heldAt = null;
    this.#listener?.durable();
  }
}
