import type { Lsn, StoredMessage } from "@jackalope/core/storage";

const chunkMessages = 1024;

/** 25 bytes a message: sizes u32, body sizes u32, priorities u8, expirations f64, publication times f64. */
class FactsChunk {
  readonly sizes: Uint32Array = new Uint32Array(chunkMessages);
  readonly bodySizes: Uint32Array = new Uint32Array(chunkMessages);
  readonly priorities: Uint8Array = new Uint8Array(chunkMessages);
  readonly expirations: Float64Array = new Float64Array(chunkMessages);
  readonly times: Float64Array = new Float64Array(chunkMessages);
}

/** What recovery tells of each message, held between reading the log and knowing which messages are left. */
export class RecoveredFacts {
  #chunks = new Map<number, FactsChunk>();

  note(
    lsn: Lsn,
    sizeBytes: number,
    bodyBytes: number,
    priority: number,
    expirationMs: number,
    publishedAtMs: number,
  ): void {
    const number = Math.floor(lsn / chunkMessages);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new FactsChunk();
      this.#chunks.set(number, chunk);
    }
    const slot = lsn - number * chunkMessages;
    chunk.sizes[slot] = sizeBytes;
    chunk.bodySizes[slot] = bodyBytes;
    chunk.priorities[slot] = priority;
    chunk.expirations[slot] = expirationMs;
    chunk.times[slot] = publishedAtMs;
  }

  /** Fills in what was noted for `message.lsn`. */
  fill(message: { -readonly [Key in keyof StoredMessage]: StoredMessage[Key] }): void {
    const number = Math.floor(message.lsn / chunkMessages);
    const chunk = this.#chunks.get(number);
    if (chunk === undefined) throw new Error(`message ${message.lsn} was not read`);
    const slot = message.lsn - number * chunkMessages;
    message.sizeBytes = chunk.sizes[slot] as number;
    message.bodyBytes = chunk.bodySizes[slot] as number;
    message.priority = chunk.priorities[slot] as number;
    message.expirationMs = chunk.expirations[slot] as number;
    message.publishedAtMs = chunk.times[slot] as number;
  }
}
