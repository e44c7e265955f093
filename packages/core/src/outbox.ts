import { giveBuffer, sharedBytesMax, takeBuffer } from "./outbox-buffers.ts";
import type { OutboxRoom } from "./outbox-room.ts";
import type { Turn, TurnOutbox } from "./turn.ts";

/** Where an outbox goes: a socket, a TLS stream, a WebSocket. */
export interface OutboxTarget {
  /** Takes the bytes; `done` is called when they have left this process and the memory may be used again. */
  write(bytes: Buffer, done: () => void): void;
  /** Ends it at once: a part of what was to be said is dropped. */
  destroy(): void;
}

const empty = Buffer.alloc(0);
/** So many times the least room is much where it is scarce. */
const hoggedShares = 4;

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
  readonly #room: OutboxRoom;
  readonly #target: OutboxTarget;
  readonly #bytesMax: number;
  readonly #onPressure: (over: boolean) => void;
  /** Handed to the target and not yet gone. */
  #leavingBytes = 0;
  /** The size of the buffers that those are in. */
  #leavingRoomBytes = 0;
  #dirty = false;
  #over = false;
  #closed = false;
  /** What is gathered may not leave for now. */
  #kept = false;
  /** What a turn brings, about: much is remembered for some turns. */
  #usualBytes = 0;

  /**
   * `onPressure(true)` when more than `bytesMax` wait for the socket, or than the least where the room of all is scarce;
   * `onPressure(false)` when half of it is left.
   */
  constructor(turn: Turn, target: OutboxTarget, bytesMax: number, onPressure: (over: boolean) => void) {
    this.#turn = turn;
    this.#room = turn.outboxRoom;
    this.#target = target;
    this.#bytesMax = bytesMax;
    this.#onPressure = onPressure;
  }

  /** Bytes that the kernel has not taken yet. */
  get waitingBytes(): number {
    return this.position + this.#leavingBytes;
  }

  /** True where the room of all is scarce and this one has several times the least waiting. Pressure is told before. */
  get hogs(): boolean {
    return this.#over && this.#room.scarce && this.waitingBytes > hoggedShares * this.#room.bytesMin;
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
    this.#usualBytes = Math.min(Math.max(this.position, this.#usualBytes >>> 1), sharedBytesMax);
    // A socket that is behind gets full buffers: what little each turn brings would hold a large one, and a write.
    if (this.#isBehind && !this.#closed && !this.#kept && this.#turn.mayLeave()) return;
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
      giveBuffer(buffer);
      return true;
    }
    this.#leave(position, buffer.length);
    this.#target.write(buffer.subarray(0, position), () => {
      giveBuffer(buffer);
      this.#left(position, buffer.length);
    });
    return true;
  }

  /** The connection is gone: whatever is encoded from now on is dropped. */
  close(): void {
    this.#closed = true;
    this.flush();
    this.#room.bytes -= this.#leavingRoomBytes;
    this.#leavingRoomBytes = 0;
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

  /** What may wait for the socket before consumers get nothing more. */
  get #bound(): number {
    return this.#room.scarce ? Math.min(this.#bytesMax, this.#room.bytesMin) : this.#bytesMax;
  }

  /** More waits for the socket than one full buffer. */
  get #isBehind(): boolean {
    return this.#leavingRoomBytes > sharedBytesMax;
  }

  #leave(bytes: number, roomBytes: number): void {
    this.#leavingBytes += bytes;
    this.#leavingRoomBytes += roomBytes;
    this.#room.bytes += roomBytes;
    if (!this.#over && this.#leavingBytes > this.#bound) this.#press(true);
  }

  #left(bytes: number, roomBytes: number): void {
    this.#leavingBytes -= bytes;
    if (this.#closed) return;
    this.#leavingRoomBytes -= roomBytes;
    this.#room.bytes -= roomBytes;
    // What was gathered for full buffers; a turn under way sees to it at its end.
    if (this.position > 0 && !this.#dirty && !this.#kept && !this.#isBehind) this.flush();
    if (this.#over && this.#leavingBytes <= this.#bound / 2) this.#relieve();
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

  /** Called from the socket: what consumers get now, and what of it fails, is no business of its own. */
  #relieve(): void {
    const { containment } = this.#turn;
    if (containment === null) return this.#press(false);
    containment.run(
      "outbox",
      () => this.#press(false),
      () => this.drop(),
    );
  }

  /** A larger buffer while there is one, for a copy costs less than a system call. */
  #makeRoom(bytes: number): void {
    const neededBytes = this.position + bytes;
    // Twice what is usual: a turn that brings a little more than the last one must not copy all of it.
    if (neededBytes <= sharedBytesMax) {
      this.#move(takeBuffer(Math.max(neededBytes, Math.min(2 * this.#usualBytes, sharedBytesMax))));
    } else if (this.flush()) {
      this.#usualBytes = sharedBytesMax;
      this.buffer = takeBuffer(Math.max(bytes, sharedBytesMax));
    } else this.#move(takeBuffer(Math.max(neededBytes, 2 * this.buffer.length)));
  }

  /** In one piece, since adapters remember places in what is gathered. */
  #move(buffer: Buffer): void {
    this.buffer.copy(buffer, 0, 0, this.position);
    giveBuffer(this.buffer);
    this.buffer = buffer;
  }
}
