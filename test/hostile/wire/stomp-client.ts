import { Arrivals } from "./arrivals.ts";
import { RawStream } from "./raw-stream.ts";

/** STOMP 1.2 as an attacker speaks it. Bodies hold no NUL, so that a frame ends with the first one. */
export class StompClient {
  readonly stream: RawStream;
  onFrame: (text: string) => void = () => undefined;
  readonly #arrivals = new Arrivals<string>();
  #rest = "";

  private constructor(stream: RawStream) {
    this.stream = stream;
    stream.onData = (chunk) => this.#take(chunk);
    stream.socket.on("close", () => this.#arrivals.end());
  }

  static async open(port: number, passcode = "guest"): Promise<StompClient> {
    const client = new StompClient(await RawStream.connect(port));
    client.send("CONNECT", { "accept-version": "1.2", host: "/", login: "guest", passcode });
    await client.nextOf("CONNECTED", 1);
    return client;
  }

  send(command: string, headers: Readonly<Record<string, string>>, body = ""): void {
    this.stream.send(stompFrame(command, headers, body));
  }

  /** Waits until so many frames of a command have come. Rejects where the broker ends the connection first. */
  nextOf(command: string, count: number, boundMs?: number): Promise<void> {
    return this.#arrivals.next(command, count, boundMs);
  }

  destroy(): void {
    this.stream.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest += chunk.toString("latin1");
    for (let end = this.#rest.indexOf("\0"); end >= 0; end = this.#rest.indexOf("\0")) {
      const text = this.#rest.slice(0, end).trimStart();
      this.#rest = this.#rest.slice(end + 1);
      const command = text.slice(0, Math.max(0, text.indexOf("\n"))).trim();
      this.#arrivals.add(command);
      this.onFrame(text);
    }
  }
}

/** The bytes of a frame. */
export function stompFrame(command: string, headers: Readonly<Record<string, string>>, body = ""): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return Buffer.from(`${command}\n${lines.join("")}\n${body}\0`);
}
