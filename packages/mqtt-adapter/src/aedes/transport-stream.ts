import { Duplex } from "node:stream";
import type { Transport } from "@jackalope/transport";
import type { AedesConnection } from "./connection.ts";

type Written = (error?: Error | null) => void;

/** aedes reads all that is here at once, and handles it in one go. */
const readAheadBytes = 4 * 1024;

/** A transport as the Node stream that aedes takes for a connection. */
export class TransportStream extends Duplex {
  /** Where aedes' hooks find what we know of the client. */
  readonly connection: AedesConnection;
  readonly #transport: Transport;

  constructor(transport: Transport, connection: AedesConnection) {
    super({ allowHalfOpen: false, readableHighWaterMark: readAheadBytes });
    this.#transport = transport;
    this.connection = connection;
  }

  override _read(): void {
    this.connection.streamWants();
  }

  override _write(chunk: Buffer, _encoding: string, done: Written): void {
    this.#transport.write(chunk, null, done);
  }

  /** aedes writes a packet in pieces. */
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Written): void {
    this.#transport.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), null, done);
  }

  override _final(done: Written): void {
    this.#transport.end("normal");
    done();
  }

  override _destroy(_error: Error | null, done: Written): void {
    this.#transport.destroy();
    // What aedes ends a connection for, it tells by its own events.
    done(null);
  }
}
