import { connect } from "node:net";
import { WebSocket } from "ws";

/** A frame as it came. */
export interface RawFrame {
  readonly command: string;
  /** Header values as they stand, escapes and all; of repeated ones the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names in order, repeated ones too. */
  readonly names: readonly string[];
  readonly body: Buffer;
}

/** A frame as bytes. Headers are written as given. */
export function frame(
  command: string,
  headers: Readonly<Record<string, string | number>> = {},
  body: Uint8Array | string = "",
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return Buffer.concat([Buffer.from(`${command}\n${lines.join("")}\n`), Buffer.from(body as string), Buffer.of(0)]);
}

/** Bytes in both directions. */
interface Wire {
  write(bytes: Uint8Array): void;
  destroy(): void;
  end(): void;
  pause(): void;
  resume(): void;
}

const waitMs = 5000;

/** A client made of bytes: it can do everything wrong. */
export class RawClient {
  readonly #wire: Wire;
  #received = Buffer.alloc(0);
  #wake: (() => void) | null = null;
  closed = false;
  /** The close code of a WebSocket, 0 before and for TCP. */
  closeCode = 0;
  /** True for each WebSocket message that came as binary. */
  readonly binaryMessages: boolean[] = [];
  /** Every byte that came, heart-beats too. */
  receivedBytes = 0;

  private constructor(wire: (client: RawClient) => Wire) {
    this.#wire = wire(this);
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(client));
      const client = new RawClient((self) => {
        socket.on("data", (chunk: Buffer) => self.#onData(chunk));
        socket.on("close", () => self.#onClose(0));
        return socket;
      });
      socket.on("error", reject);
    });
  }

  static connectWebSocket(
    port: number,
    options: { path?: string; protocols?: string[]; headers?: Record<string, string>; binary?: boolean } = {},
  ): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const { path = "/ws", protocols = [], headers = {}, binary = false } = options;
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
      const client = new RawClient((self) => {
        webSocket.on("message", (data: Buffer, isBinary) => {
          self.binaryMessages.push(isBinary);
          self.#onData(data);
        });
        webSocket.on("close", (code) => self.#onClose(code));
        return {
          write: (bytes) => webSocket.send(bytes, { binary }),
          destroy: () => webSocket.terminate(),
          end: () => webSocket.close(),
          pause: () => webSocket.pause(),
          resume: () => webSocket.resume(),
        };
      });
      webSocket.on("open", () => resolve(client));
      webSocket.on("error", reject);
    });
  }

  /** Sends bytes; a text is sent as UTF-8. */
  send(...parts: (Uint8Array | string)[]): void {
    this.#wire.write(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
  }

  /** Sends one frame. */
  frame(
    command: string,
    headers: Readonly<Record<string, string | number>> = {},
    body: Uint8Array | string = "",
  ): void {
    this.send(frame(command, headers, body));
  }

  /** The next frame. Rejects after a while, and where the server closed before. */
  async next(): Promise<RawFrame> {
    for (;;) {
      const found = this.#take();
      if (found !== null) return found;
      if (this.closed) throw new Error("the server closed the connection");
      await this.#more();
    }
  }

  /** The next frame, which must have this command. */
  async expect(command: string): Promise<RawFrame> {
    const next = await this.next();
    if (next.command !== command) {
      throw new Error(
        `expected ${command}, got ${next.command} ${JSON.stringify(next.headers)} ${next.body.toString()}`,
      );
    }
    return next;
  }

  /** CONNECT as guest. */
  async login(headers: Readonly<Record<string, string>> = {}): Promise<RawFrame> {
    this.frame("CONNECT", { "accept-version": "1.2", host: "/", login: "guest", passcode: "guest", ...headers });
    return this.expect("CONNECTED");
  }

  /** Sends a frame with a receipt and waits for it, returning the frames that came before. */
  async request(
    command: string,
    headers: Readonly<Record<string, string | number>> = {},
    body: Uint8Array | string = "",
  ): Promise<RawFrame[]> {
    const receipt = `receipt-${++lastReceipt}`;
    this.frame(command, { ...headers, receipt }, body);
    const before: RawFrame[] = [];
    for (;;) {
      const next = await this.next();
      if (next.command === "RECEIPT" && next.headers["receipt-id"] === receipt) return before;
      if (next.command === "ERROR") throw new Error(`${next.headers["message"]}: ${next.body.toString()}`);
      before.push(next);
    }
  }

  /** Resolves once the server has closed the connection; what came before stays to be read. */
  async end(): Promise<void> {
    while (!this.closed) await this.#more();
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  destroy(): void {
    this.#wire.destroy();
  }

  #take(): RawFrame | null {
    let start = 0;
    while (this.#received[start] === 0x0a || this.#received[start] === 0x0d) start++;
    const headEnd = this.#received.indexOf("\n\n", start);
    if (headEnd < 0) return null;
    const [command = "", ...lines] = this.#received.toString("utf8", start, headEnd).split("\n");
    const headers: Record<string, string> = {};
    const names: string[] = [];
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon);
      names.push(name);
      headers[name] ??= line.slice(colon + 1);
    }
    const length = headers["content-length"];
    const bodyStart = headEnd + 2;
    const bodyEnd = length === undefined ? this.#received.indexOf(0, bodyStart) : bodyStart + Number(length);
    if (bodyEnd < 0 || bodyEnd >= this.#received.length) return null;
    if (this.#received[bodyEnd] !== 0) throw new Error("no NUL behind the body");
    const body = this.#received.subarray(bodyStart, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd + 1);
    return { command, headers, names, body };
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.receivedBytes += chunk.length;
    this.#wake?.();
  }

  #onClose(code: number): void {
    this.closed = true;
    this.closeCode = code;
    this.#wake?.();
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came for ${waitMs} ms`)), waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

let lastReceipt = 0;
