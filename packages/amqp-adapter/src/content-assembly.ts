import { Message, type Route, type Tab } from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";
import { amqpFormat } from "./mapping.ts";

/** What is set aside at first for a body that comes in pieces: a promise of 16 MiB must not cost 16 MiB. */
const firstBodyBytes = 64 * 1024;

/** Properties and body of one message in one buffer, when they did not come in one chunk or one frame. */
export class ContentAssembly {
  readonly #nativeBytes: number;
  readonly #totalBytes: number;
  #buffer: Buffer;
  #position: number;
  readonly #tab: Tab;

  /** Throws quota-exceeded where the connection has no room. `tab` is the channel's and has nothing else. */
  constructor(header: Buffer, nativeStart: number, nativeEnd: number, bodyBytes: number, tab: Tab) {
    this.#nativeBytes = nativeEnd - nativeStart;
    this.#totalBytes = this.#nativeBytes + bodyBytes;
    this.#tab = tab;
    this.#buffer = this.#allocate(Math.min(this.#totalBytes, this.#nativeBytes + firstBodyBytes));
    header.copy(this.#buffer, 0, nativeStart, nativeEnd);
    this.#position = this.#nativeBytes;
  }

  /** Takes a body frame; true once the body is whole. Throws 505 where it is longer than the header said. */
  add(bytes: Buffer, start: number, end: number): boolean {
    const next = this.#position + end - start;
    if (next > this.#totalBytes)
      throw new AmqpError(replyCodes.unexpectedFrame, "content body is longer than its content header says");
    if (next > this.#buffer.length) {
      const larger = this.#allocate(Math.min(this.#totalBytes, Math.max(next, this.#buffer.length * 2)));
      this.#buffer.copy(larger, 0, 0, this.#position);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#position, start, end);
    this.#position = next;
    return next === this.#totalBytes;
  }

  #allocate(bytes: number): Buffer {
    this.#tab.admit(bytes - this.#tab.bytes, "the message is not taken");
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** The whole message, owned. */
  message(route: Route): Message {
    this.#tab.settle();
    const nativeBytes = this.#nativeBytes;
    const message = new Message(route, amqpFormat, this.#buffer, 0, nativeBytes, nativeBytes, this.#totalBytes);
    message.owned = true;
    return message;
  }
}
