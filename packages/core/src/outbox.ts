import type { Turn, TurnOutbox } from "./turn.ts";

/** Where an outbox goes: a socket, a TLS stream, a WebSocket. */
export interface OutboxTarget {
  /** Takes the bytes; `done` is called when they have left this process and the memory may be used again. */
  write(bytes: Buffer, done: () => void): void;
  /** Ends it at once: a part of what was to be said is dropped. */
  destroy(): void;
}

const smallBytes = 4 * 1024;
const largeBytes = 128 * 1024;

/** Buffers of one size, kept for reuse over all outboxes: a new one a turn keeps the garbage collector busy. */
class Spares {
  readonly #bytes: number;
  readonly #countMax: number;
  readonly #buffers: Buffer[] = [];

  constructor(bytes: number, countMax: number) {
    this.#bytes = bytes;
    this.#countMax = countMax;
  }

  take(): Buffer {
    return this.#buffers.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  give(buffer: Buffer): void {
    if (this.#buffers.length < this.#countMax) this.#buffers.push(buffer);
  }
}

const smallSpares = new Spares(smallBytes, 256);
const largeSpares = new Spares(largeBytes, 128);

function giveBack(buffer: Buffer): void {
  if (buffer.length === largeBytes) largeSpares.give(buffer);
  else if (buffer.length === smallBytes) smallSpares.give(buffer);
}

const empty = Buffer.alloc(0);

/**
 * What one connection has to say, gathered over a turn and handed to the socket whole at its end. Encoders call
 * `reserve` and then write into `buffer` at `position` themselves, so that a frame costs no allocation:
 *
 *     buffer  [ frame | frame | frame |          ]
 *                                     ^position  ^position + reserved
 *
 * An idle connection holds no buffer at all.
 */
export class Outbox implements TurnOutbox {
  buffer: Buffer = empty;
  position = 0;
  readonly #turn: Turn;
  readonly #target: OutboxTarget;
  readonly #bytesMax: number;
  readonly #onPressure: (over: boolean) => void;
  /** Handed to the target and not yet gone. */
  #leavingBytes = 0;
  #dirty = false;
  #over = false;
  #closed = false;
  /** What is gathered may not leave for now. */
  #kept = false;
  #lastTurnBytes = 0;

  /** `onPressure(true)` when more than `bytesMax` wait for the socket, `onPressure(false)` when half of it is left. */
  constructor(turn: Turn, target: OutboxTarget, bytesMax: number, onPressure: (over: boolean) => void) {
    this.#turn = turn;
    this.#target = target;
    this.#bytesMax = bytesMax;
    this.#onPressure = onPressure;
  }

  /** Bytes that the kernel has not taken yet. */
  get waitingBytes(): number {
    return this.position + this.#leavingBytes;
  }

  /** Makes room for `bytes` at `position`; `buffer` may be another one afterwards. */
  reserve(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.#makeRoom(bytes);
    if (!this.#dirty) {
      this.#dirty = true;
      this.#turn.outboxDirty(this);
    }
  }

  endTurn(): void {
    this.#dirty = false;
    this.#lastTurnBytes = this.position;
    this.flush();
  }

  /** Hands over what is gathered now, without waiting for the end of the turn. False where it may not leave for now. */
  flush(): boolean {
    if (this.position === 0) return true;
    if (!this.#closed && (this.#kept || !this.#turn.mayLeave())) {
      this.#keep();
      return false;
    }
    const { buffer, position } = this;
    this.buffer = empty;
    this.position = 0;
    if (this.#closed) {
      giveBack(buffer);
      return true;
    }
    this.#leavingBytes += position;
    if (!this.#over && this.#leavingBytes > this.#bytesMax) this.#press(true);
    this.#target.write(buffer.subarray(0, position), () => {
      giveBack(buffer);
      this.#leavingBytes -= position;
      if (this.#over && this.#leavingBytes <= this.#bytesMax / 2) this.#press(false);
    });
    return true;
  }

  /** The connection is gone: whatever is encoded from now on is dropped. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  /** For the turn: what was kept may leave. */
  release(): void {
    this.#kept = false;
    this.flush();
  }

  /** For the turn: what is gathered, kept or not, must not leave. */
  drop(): void {
    this.close();
    this.#target.destroy();
  }

  #keep(): void {
    if (!this.#over && this.waitingBytes > this.#bytesMax) this.#press(true);
    if (this.#kept) return;
    this.#kept = true;
    this.#turn.keep(this);
  }

  #press(over: boolean): void {
    this.#over = over;
    if (!this.#closed) this.#onPressure(over);
  }

  #makeRoom(bytes: number): void {
    if (!this.flush()) return this.#grow(this.position + bytes);
    if (bytes > largeBytes) this.buffer = Buffer.allocUnsafeSlow(bytes);
    else if (bytes > smallBytes || this.#lastTurnBytes > smallBytes / 2) this.buffer = largeSpares.take();
    else {
      this.buffer = smallSpares.take();
      // A second small buffer in one turn: this connection has more to say.
      this.#lastTurnBytes = smallBytes;
    }
  }

  /** In one piece, since adapters remember places in what is gathered. */
  #grow(bytes: number): void {
    if (bytes <= this.buffer.length) return;
    const { buffer, position } = this;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * buffer.length));
    buffer.copy(this.buffer, 0, 0, position);
    giveBack(buffer);
  }
}
