import { connect, type Socket } from "node:net";
import { within } from "../waiting.ts";

const connectMs = 30_000;

/** A socket on which attackers say what they want. A reset is one way of being cut off, and no error. */
export class RawStream {
  readonly socket: Socket;
  /** Bytes that have come. */
  receivedBytes = 0;
  /** True once the stream is over, whoever ended it. */
  ended = false;
  onData: (chunk: Buffer) => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.onData(chunk);
    });
    socket.on("close", () => (this.ended = true));
    socket.on("error", () => undefined);
  }

  /** Rejects where nobody accepts within a bound. */
  static async connect(port: number): Promise<RawStream> {
    const stream = RawStream.begin(port);
    const connected = new Promise<void>((resolve, reject) => {
      stream.socket.once("connect", resolve);
      stream.socket.once("close", () => reject(new Error(`port ${port} does not accept`)));
    });
    await within(`a connection to port ${port}`, connected, connectMs);
    return stream;
  }

  /** Begins to connect and does not wait. */
  static begin(port: number): RawStream {
    return new RawStream(connect({ port, host: "127.0.0.1", noDelay: true }));
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(bytes.length === 1 ? (bytes[0] as Buffer) : Buffer.concat(bytes));
  }

  /** Resolves when there is room for more, or the stream is over. */
  async sendAndDrain(bytes: Buffer): Promise<void> {
    if (this.ended || this.socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.socket.off("drain", done);
        this.socket.off("close", done);
        resolve();
      };
      this.socket.on("drain", done);
      this.socket.on("close", done);
    });
  }

  destroy(): void {
    this.socket.destroy();
  }
}
