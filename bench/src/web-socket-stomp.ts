import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

const ANSWER_TIMEOUT_MS = 30_000;
const OPCODE_FINAL_TEXT = 0x81;
const MASKED = 0x80;
/** A length from 126 takes two more bytes (RFC 6455, section 5.2). */
const SHORT_LENGTH_MAX = 125;

/** A STOMP 1.2 client over WebSocket that costs next to nothing, so that thousands of them leave the broker its core.
 * It looks for marks in what arrives instead of parsing it: the broker's WebSocket frames are not masked. */
export class WebSocketStomp {
  private readonly socket: Socket;
  private text = "";
  private mark = "";
  private onMark: (() => void) | null = null;
  private onFailure: ((error: Error) => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#onText(bytes.toString("latin1")));
    socket.on("error", (error) => this.onFailure?.(error));
    socket.on("close", () => this.onFailure?.(new Error(`the broker closed a WebSocket: ${this.text.slice(0, 500)}`)));
  }

  /** Connected and logged in; no heart-beats. */
  static async open(port: number): Promise<WebSocketStomp> {
    const client = new WebSocketStomp(connect(port, "127.0.0.1"));
    const request = [
      "GET /ws HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: v12.stomp",
    ];
    client.socket.write(`${request.join("\r\n")}\r\n\r\n`);
    await client.until("\r\n\r\n");
    client.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\0");
    await client.until("CONNECTED\n");
    return client;
  }

  async subscribe(destination: string): Promise<void> {
    this.send(`SUBSCRIBE\nid:0\ndestination:${destination}\nack:auto\nreceipt:subscribed\n\n\0`);
    await this.until("receipt-id:subscribed\n");
  }

  /** One STOMP frame as one text message, in ASCII. The mask is zero, which leaves the payload as it is. */
  send(frame: string): void {
    const payload = Buffer.from(frame, "latin1");
    const head =
      payload.length <= SHORT_LENGTH_MAX
        ? [OPCODE_FINAL_TEXT, MASKED | payload.length]
        : [OPCODE_FINAL_TEXT, MASKED | 126, payload.length >> 8, payload.length & 0xff];
    this.socket.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]));
  }

  /** Resolves when the mark has arrived; forgets everything before it. Rejects after 30 s, or when the socket closes. */
  until(mark: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.onMark = null;
        this.onFailure = null;
        settle();
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`no ${JSON.stringify(mark)} within ${ANSWER_TIMEOUT_MS} ms`))),
        ANSWER_TIMEOUT_MS,
      );
      this.mark = mark;
      this.onMark = () => finish(resolve);
      this.onFailure = (error) => finish(() => reject(error));
      this.#onText("");
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #onText(text: string): void {
    this.text += text;
    const at = this.onMark === null ? -1 : this.text.indexOf(this.mark);
    if (at < 0) return;
    this.text = this.text.slice(at + this.mark.length);
    this.onMark?.();
  }
}
