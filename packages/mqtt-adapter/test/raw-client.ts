import { connect, type Socket } from "node:net";
import { generate, type IConnackPacket, type IConnectPacket, type Packet, type Parser, parser } from "mqtt-packet";

const waitMs = 5000;

/** CONNECT with what a test leaves out filled in. */
export type ConnectOptions = Partial<Omit<IConnectPacket, "cmd" | "password">> & {
  readonly password?: string | Buffer;
};

/** A packet of one command. */
export type PacketOf<Command extends Packet["cmd"]> = Extract<Packet, { cmd: Command }>;

/** A client made of packets and bytes: it can do everything wrong, and does nothing by itself. */
export class RawClient {
  readonly #socket: Socket;
  #parser: Parser = parser({ protocolVersion: 5 });
  /** Whole packets, as they came. */
  readonly #packets: Packet[] = [];
  #wake: (() => void) | null = null;
  #version = 5;
  closed = false;
  receivedBytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#parser.parse(chunk);
      this.#wake?.();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  /** A client on a stream that is open. */
  static on(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(client));
      const client = new RawClient(socket);
      socket.on("error", reject);
    });
  }

  /** What the client speaks. CONNECT sets it; a test that writes CONNECT as bytes sets it itself. */
  set version(version: 3 | 4 | 5) {
    this.#version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#listen();
  }

  /** Sends bytes. */
  send(...parts: (Uint8Array | string)[]): void {
    this.#socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
  }

  /** Sends one packet. */
  packet(packet: Packet): void {
    this.send(generate(packet, { protocolVersion: this.#version }));
  }

  /** Sends CONNECT, by default of version 5, as guest, with a clean start. */
  sendConnect(options: ConnectOptions = {}): void {
    const { protocolVersion = 5, clientId = "test", username, password, ...rest } = options;
    this.version = protocolVersion;
    const credentials =
      username === undefined ? { username: "guest", password: "guest" } : username === "" ? {} : { username };
    this.packet({
      cmd: "connect",
      protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
      protocolVersion,
      clientId,
      clean: true,
      keepalive: 0,
      ...credentials,
      ...(password === undefined ? {} : { password }),
      ...rest,
    } as Packet);
  }

  /** CONNECT and what comes back. */
  async connack(options: ConnectOptions = {}): Promise<IConnackPacket> {
    this.sendConnect(options);
    return this.expect("connack");
  }

  /** CONNECT, which must be granted. */
  async login(options: ConnectOptions = {}): Promise<IConnackPacket> {
    const connack = await this.connack(options);
    const code = connack.reasonCode ?? connack.returnCode;
    if (code !== 0) throw new Error(`CONNECT was refused: ${code} ${connack.properties?.reasonString ?? ""}`);
    return connack;
  }

  /** Subscribes and returns the codes. */
  async subscribe(...topics: (string | { topic: string; qos: 0 | 1 | 2 })[]): Promise<readonly unknown[]> {
    const subscriptions = topics.map((topic) => (typeof topic === "string" ? { topic, qos: 0 as const } : topic));
    this.packet({ cmd: "subscribe", messageId: 1, subscriptions });
    return (await this.expect("suback")).granted;
  }

  /** Sends PINGREQ and waits for the answer, which must be what comes next: everything before it was handled. */
  async ping(): Promise<void> {
    this.packet({ cmd: "pingreq" });
    await this.expect("pingresp");
  }

  /** The next packet. Rejects after a while, and where the server closed before. */
  async next(): Promise<Packet> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      if (this.closed) throw new Error("the server closed the connection");
      await this.#more();
    }
  }

  /** The next packet, which must have this command. */
  async expect<Command extends Packet["cmd"]>(command: Command): Promise<PacketOf<Command>> {
    const packet = await this.next();
    if (packet.cmd === command) return packet as PacketOf<Command>;
    throw new Error(`expected ${command}, got ${JSON.stringify(packet)}`);
  }

  /** Resolves once the server has closed the connection; rejects where a packet comes before. */
  async end(): Promise<void> {
    while (!this.closed) await this.#more();
    const [packet] = this.#packets;
    if (packet !== undefined) throw new Error(`expected the end, got ${JSON.stringify(packet)}`);
  }

  /** DISCONNECT, and the end of the connection. */
  async disconnect(reasonCode = 0, properties: PacketOf<"disconnect">["properties"] = {}): Promise<void> {
    this.packet({ cmd: "disconnect", reasonCode, properties });
    await this.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes the socket without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#parser.on("packet", (packet: Packet) => this.#packets.push(packet));
    this.#parser.on("error", (error: Error) => {
      throw error;
    });
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
