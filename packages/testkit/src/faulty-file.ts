/** A change of a file that is not synced. */
type Change = { kind: "write"; position: number; bytes: Buffer } | { kind: "truncate"; length: number };

/** What of the unsynced changes a power failure leaves. */
export type Survival = "none" | "all" | "first" | "sectors";

const sectorBytes = 512;

/** One file of a FaultyDisk: what processes see, what is on the medium, and the changes between the two. */
export class FaultyFile {
  /** The page cache. */
  visible: Buffer = Buffer.alloc(0);
  #medium: Buffer = Buffer.alloc(0);
  #changes: Change[] = [];

  write(position: number, bytes: Buffer): void {
    this.#change({ kind: "write", position, bytes });
  }

  truncate(length: number): void {
    this.#change({ kind: "truncate", length });
  }

  sync(): void {
    for (const change of this.#changes) this.#medium = applied(this.#medium, change);
    this.#changes = [];
  }

  /** A sync that failed: as Linux does it, the changes stay visible and are never written. */
  failSync(): void {
    this.#changes = [];
  }

  /** The power failed. `random` gives numbers from 0 up to 1. */
  losePower(survival: Survival, random: () => number): void {
    const changes = survival === "none" ? [] : this.#changes;
    const first = survival === "first" ? Math.floor(random() * (changes.length + 1)) : changes.length;
    for (const change of changes.slice(0, first)) {
      if (survival === "sectors" && change.kind === "write") this.#loseSectors(change, random);
      else this.#medium = applied(this.#medium, change);
    }
    this.#changes = [];
    this.visible = Buffer.from(this.#medium);
  }

  /** Bit rot. */
  damage(offset: number, bytes: number): void {
    for (let at = offset; at < Math.min(offset + bytes, this.visible.length); at++) {
      this.visible[at] = (this.visible[at] as number) ^ 0x5a;
    }
    this.#medium = Buffer.from(this.visible);
    this.#changes = [];
  }

  #loseSectors(write: { position: number; bytes: Buffer }, random: () => number): void {
    for (let at = 0; at < write.bytes.length; ) {
      const sectorEnd = (Math.floor((write.position + at) / sectorBytes) + 1) * sectorBytes - write.position;
      const bytes = write.bytes.subarray(at, sectorEnd);
      if (random() < 0.5) this.#medium = applied(this.#medium, { kind: "write", position: write.position + at, bytes });
      at += bytes.length;
    }
  }

  #change(change: Change): void {
    this.visible = applied(this.visible, change);
    this.#changes.push(change);
  }
}

/** The contents after a change. Holes read as zeros. */
function applied(contents: Buffer, change: Change): Buffer {
  const bytes =
    change.kind === "truncate" ? change.length : Math.max(contents.length, change.position + change.bytes.length);
  const result = Buffer.alloc(bytes);
  contents.copy(result, 0, 0, Math.min(contents.length, bytes));
  if (change.kind === "write") change.bytes.copy(result, change.position);
  return result;
}
