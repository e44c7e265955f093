/** Streams without entries that stay in Redis' list of streams, beside as many as there are with entries. */
const idleStreamsMax = 1000;

/** What Redis' list of streams holds: a stream is put into it before its first entry, and taken out some time after its last. */
export class StreamList {
  #known: Set<number>;
  #gone: readonly number[];

  /** `known` have entries, `gone` have none any more. */
  constructor(known: Iterable<number>, gone: readonly number[]) {
    this.#known = new Set(known);
    this.#gone = gone;
  }

  /** A stream gets an entry. True where it has to be put into the list. */
  use(streamId: number): boolean {
    if (this.#known.has(streamId)) return false;
    this.#known.add(streamId);
    return true;
  }

  /** The streams to be taken out now: all without entries once there are many, so that it costs little each time. */
  sweep(liveStreams: number, isLive: (streamId: number) => boolean): readonly number[] {
    let gone = this.#gone.filter((streamId) => !this.#known.has(streamId));
    this.#gone = [];
    if (this.#known.size > liveStreams * 2 + idleStreamsMax) {
      gone = [...gone, ...[...this.#known].filter((streamId) => !isLive(streamId))];
      this.#known = new Set([...this.#known].filter(isLive));
    }
    return gone;
  }
}
