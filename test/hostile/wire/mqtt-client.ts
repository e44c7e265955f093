import { connectFlags, connectPacket, packetTypes, prefixed, property, propertyIds } from "../../harness/mqtt-wire.ts";
import { Arrivals } from "./arrivals.ts";
import { RawStream } from "./raw-stream.ts";

/** A packet from the broker. */
export interface MqttPacket {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export interface MqttOptions {
  readonly clientId?: string;
  readonly password?: string;
  /** A session that outlives its connection for so long. Default: none, a clean one. */
  readonly sessionExpirySeconds?: number;
}

/** MQTT 5 as an attacker speaks it. It answers nothing by itself. */
export class MqttClient {
  readonly stream: RawStream;
  onPacket: (packet: MqttPacket) => void = () => undefined;
  readonly #arrivals = new Arrivals<number>();
  #lastBody: Buffer = Buffer.alloc(0);
  #rest: Buffer = Buffer.alloc(0);

  private constructor(stream: RawStream) {
    this.stream = stream;
    stream.onData = (chunk) => this.#take(chunk);
    stream.socket.on("close", () => this.#arrivals.end());
  }

  /** Rejects where CONNACK says no. */
  static async open(port: number, options: MqttOptions = {}): Promise<MqttClient> {
    const client = new MqttClient(await RawStream.connect(port));
    const { clientId = "", password = "guest", sessionExpirySeconds } = options;
    const lasting = sessionExpirySeconds !== undefined;
    client.stream.send(
      connectPacket({
        clientId,
        flags: (lasting ? 0 : connectFlags.clean) | connectFlags.name | connectFlags.password,
        properties: lasting ? [property.long(propertyIds.sessionExpiry, sessionExpirySeconds)] : [],
        payload: [prefixed("guest"), prefixed(password)],
      }),
    );
    await client.nextOf(packetTypes.connack, 1);
    if (client.#lastBody[1] !== 0) throw new Error(`CONNACK says ${client.#lastBody[1]}`);
    return client;
  }

  /** Waits until so many packets of a type have come. Rejects where the broker ends the connection first. */
  nextOf(type: number, count: number, boundMs?: number): Promise<void> {
    return this.#arrivals.next(type, count, boundMs);
  }

  /** Parses nothing any more, and counts bytes alone. */
  countBytesOnly(): void {
    this.stream.onData = () => undefined;
  }

  destroy(): void {
    this.stream.destroy();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const body = bodyOf(bytes, at);
      if (body === null || body.end > bytes.length) break;
      const first = bytes.readUInt8(at);
      const type = first >> 4;
      this.#lastBody = bytes.subarray(body.start, body.end);
      this.#arrivals.add(type);
      this.onPacket({ type, flags: first & 15, body: this.#lastBody });
      at = body.end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}

/** Where the packet that begins at `at` has its body; null where its length has not come. */
function bodyOf(bytes: Buffer, at: number): { readonly start: number; readonly end: number } | null {
  let length = 0;
  for (let index = 0; index < 4; index++) {
    const octet = bytes[at + 1 + index];
    if (octet === undefined) return null;
    length += (octet & 127) * 128 ** index;
    if (octet < 128) return { start: at + 2 + index, end: at + 2 + index + length };
  }
  throw new Error("the broker sent a length that is none");
}
