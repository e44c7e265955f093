import type { Route, Tab } from "@jackalope/core/adapter";

/** Slots of the table when it is made and at its largest. Both are powers of two. */
const firstSlots = 16;
const slotsMax = 4096;
/** Topics longer than this are not remembered, so that the table is bounded in bytes too. */
const topicBytesMax = 256;
/** Memory of one, its texts aside, about: the route mostly is in the connection's route cache as well. */
const topicBytesEach = 400;
const fnvOffset = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** A topic that a client publishes to, and where that leads. */
export class PublishTopic {
  /** As it stands in the packet, without its length. */
  readonly bytes: Buffer;
  readonly text: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** The topic where the key does not tell it, null otherwise. */
  readonly exact: string | null;
  /** The property that carries such a topic, null otherwise. */
  readonly exactProperty: Buffer | null;
  /** Null until the first publish was granted. */
  route: Route | null = null;

  constructor(
    bytes: Buffer,
    text: string,
    exchange: string,
    routingKey: string,
    exact: string | null,
    exactProperty: Buffer | null,
  ) {
    this.bytes = bytes;
    this.text = text;
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.exact = exact;
    this.exactProperty = exactProperty;
  }

  /** Memory that it takes, about: bytes, text and key, the topic on the wire, and the exact one twice more. */
  get heldBytes(): number {
    return topicBytesEach + this.bytes.length * (this.exact === null ? 4 : 6);
  }

  /** True where these bytes are the topic. */
  is(bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.bytes;
    const length = end - start;
    if (own.length !== length) return false;
    // Backwards: topics that differ, differ at the end more often than in the first levels.
    for (let index = length - 1; index >= 0; index--) if (own[index] !== bytes[start + index]) return false;
    return true;
  }
}

/**
 * The topics that a connection published to lately, found by their bytes: a gateway that rotates over a thousand devices
 * makes no string a message. Two slots a hash, no chains; what is pushed out is looked up again.
 */
export class RecentTopics {
  #slots: (PublishTopic | undefined)[] | null = null;
  #mask = 0;
  #stored = 0;
  #bytes = 0;
  readonly #tab: Tab | null;

  /** `tab` pays for them. */
  constructor(tab: Tab | null = null) {
    this.#tab = tab;
  }

  /** The topic with these bytes, or null. */
  find(bytes: Uint8Array, start: number, end: number): PublishTopic | null {
    const slots = this.#slots;
    if (slots === null) return null;
    const slot = hashOf(bytes, start, end) & this.#mask;
    const first = slots[slot];
    if (first !== undefined && first.is(bytes, start, end)) return first;
    const second = slots[slot ^ 1];
    return second !== undefined && second.is(bytes, start, end) ? second : null;
  }

  /** Remembers a topic, where the connection has room for it. */
  remember(topic: PublishTopic): void {
    if (topic.bytes.length > topicBytesMax || this.#tab?.payer.hasRoom(topic.heldBytes) === false) return;
    if (this.#slots === null) this.#resize(firstSlots);
    else if (this.#stored * 2 >= this.#slots.length && this.#slots.length < slotsMax)
      this.#resize(this.#slots.length * 2);
    this.#place(topic);
    this.#tab?.set(this.#bytes);
  }

  #place(topic: PublishTopic): void {
    const slots = this.#slots as (PublishTopic | undefined)[];
    const slot = hashOf(topic.bytes, 0, topic.bytes.length) & this.#mask;
    const taken = slots[slot];
    if (taken !== undefined) this.#put(slot ^ 1, taken);
    this.#put(slot, topic);
  }

  #put(slot: number, topic: PublishTopic): void {
    const slots = this.#slots as (PublishTopic | undefined)[];
    const replaced = slots[slot];
    slots[slot] = topic;
    if (replaced === undefined) this.#stored++;
    else this.#bytes -= replaced.heldBytes;
    this.#bytes += topic.heldBytes;
  }

  #resize(size: number): void {
    const old = this.#slots ?? [];
    this.#slots = new Array<PublishTopic | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    this.#stored = 0;
    this.#bytes = 0;
    for (const topic of old) if (topic !== undefined) this.#place(topic);
  }
}

/** FNV-1a, whose low bits are mixed once more because the table uses them alone. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = fnvOffset;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), fnvPrime);
  return hash ^ (hash >>> 15);
}
