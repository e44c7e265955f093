import type { Message } from "./message.ts";
import type { Properties } from "./properties.ts";

/** Longer native properties are converted anew each time. */
const sourceBytesMax = 512;

/**
 * Native properties of other protocols' messages in the one of an adapter. What was converted last is kept: a publisher
 * repeats its properties, and a fan-out delivers one message many times.
 */
export class LastConversion {
  readonly #convert: (properties: Properties) => Buffer;
  #formatId = "";
  #source: Buffer = Buffer.alloc(0);
  #native: Buffer = Buffer.alloc(0);

  constructor(convert: (properties: Properties) => Buffer) {
    this.#convert = convert;
  }

  /** The converted properties. They must not be changed. */
  of(message: Message): Buffer {
    const { bytes, nativeStart, nativeEnd } = message;
    const length = nativeEnd - nativeStart;
    const source = this.#source;
    if (message.format.id === this.#formatId && length === source.length) {
      let index = 0;
      while (index < length && source[index] === bytes[nativeStart + index]) index++;
      if (index === length) return this.#native;
    }
    const native = this.#convert(message.properties);
    if (length <= sourceBytesMax) {
      this.#formatId = message.format.id;
      this.#source = Buffer.from(message.native);
      this.#native = native;
    }
    return native;
  }
}
