import { type RefusedClient, type Refuser, type RefuserOptions, RefusingListeners } from "@jackalope/transport";
import { replyCodes, replyText } from "./amqp-error.ts";
import { encodeMethod, FrameDecoder, type FrameHandler, frameTypes } from "./codec.ts";
import { connectionClose, connectionCloseOk, connectionStart, connectionStartOk } from "./methods/connection.ts";
import { methodKey } from "./methods/definition.ts";
import { defaultAmqpLimits, defaultServerIdentity } from "./options.ts";
import { protocolHeader, recognize } from "./protocol-header.ts";
import { mechanisms } from "./sasl.ts";
import { serverProperties } from "./server-properties.ts";

const startOkKey = methodKey(connectionStartOk);
const closeKey = methodKey(connectionClose);
const closeOkKey = methodKey(connectionCloseOk);

/** Makes a refuser: clients get connection.start, and for their start-ok connection.close with 320 CONNECTION_FORCED. */
export function createAmqpRefuser(options: RefuserOptions): Refuser {
  return new RefusingListeners({
    ...options,
    protocol: "AMQP",
    refusal: (client) => {
      const refusal = new AmqpRefusal(client, options.reason);
      return (chunk) => refusal.onData(chunk);
    },
  });
}

/**
 * The conversation with one client. Code and text for start-ok reach the program behind every client that passes them on at
 * all: amqplib, kombu and the C library tell them as they are, pika and the client for Java beside a guess at a wrong
 * password. For connection.open amqplib would keep the text to itself; before start-ok some take it for another protocol.
 */
class AmqpRefusal implements FrameHandler {
  readonly #client: RefusedClient;
  readonly #reason: () => string;
  readonly #decoder: FrameDecoder;
  /** Bytes of the protocol header so far, null once it is complete. */
  #header: Buffer | null = Buffer.alloc(0);
  #closing = false;

  constructor(client: RefusedClient, reason: () => string) {
    this.#client = client;
    this.#reason = reason;
    this.#decoder = new FrameDecoder(defaultAmqpLimits.handshakeFrameBytesMax, this);
  }

  onData(chunk: Buffer): void {
    const frames = this.#header === null ? chunk : this.#takeHeader(this.#header, chunk);
    if (frames === null) return;
    this.#decoder.push(frames);
    try {
      this.#decoder.run();
    } catch {
      this.#client.finish();
    }
  }

  onFrame(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void {
    if (type !== frameTypes.method || channelNumber !== 0 || end - start < 4) return;
    const key = bytes.readUInt32BE(start);
    if (key === startOkKey && !this.#closing) this.#close();
    // 2.2.4: both sides may close at once.
    if (key === closeKey) this.#client.say(encodeMethod(0, connectionCloseOk, {}));
    if (key === closeKey || key === closeOkKey) {
      this.#decoder.stopped = true;
      this.#client.finish();
    }
  }

  #close(): void {
    this.#closing = true;
    const replyCode = replyCodes.connectionForced;
    const text = replyText(replyCode, this.#reason());
    const values = { replyCode: replyCode.code, replyText: text, failingClassId: 0, failingMethodId: 0 };
    this.#client.say(encodeMethod(0, connectionClose, values));
  }

  /** Returns what comes behind the header, or null while it is incomplete or wrong. */
  #takeHeader(before: Buffer, chunk: Buffer): Buffer | null {
    const missing = protocolHeader.length - before.length;
    const header = before.length === 0 ? chunk : Buffer.concat([before, chunk.subarray(0, missing)]);
    const { kind } = recognize(header);
    if (kind === "partial") {
      this.#header = Buffer.from(header);
      return null;
    }
    if (kind === "other") {
      // 4.2.2: answer with the header that is spoken here, then close.
      this.#client.say(protocolHeader);
      this.#client.finish();
      return null;
    }
    this.#header = null;
    const start = {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: serverProperties(defaultServerIdentity),
      mechanisms: Buffer.from(mechanisms),
      locales: Buffer.from("en_US"),
    };
    this.#client.say(encodeMethod(0, connectionStart, start));
    return chunk.length > missing ? chunk.subarray(missing) : null;
  }
}
