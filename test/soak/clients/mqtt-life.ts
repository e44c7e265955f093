import { connect } from "node:net";
import { type IClientOptions, type IConnackPacket, MqttClient } from "mqtt";
import type { Ledger } from "../ledger/ledger.ts";
import { connectMs, type Rotation, retryMs } from "./client.ts";

/** A day, in seconds: no session ends while a soak runs. */
const sessionSeconds = 86_400;
const keepAliveSeconds = 2;
/** What every fault brings along. */
const expected = /^(Keepalive timeout|connack timeout|Connection refused: Server unavailable|client disconnecting)/;

/** MQTT.js with a session that outlives its connections; connects again by itself, and sends again what it has to. */
export class MqttLife {
  readonly client: MqttClient;
  readonly #name: string;
  readonly #ledger: Ledger;
  #hasSession = false;

  constructor(ledger: Ledger, clientId: string, version: 4 | 5, inFlightMax: number, rotation: Rotation) {
    this.#name = clientId;
    this.#ledger = ledger;
    const options: IClientOptions = {
      clientId,
      username: "guest",
      password: "guest",
      protocolVersion: version,
      clean: false,
      keepalive: keepAliveSeconds,
      reconnectPeriod: retryMs,
      connectTimeout: connectMs,
      reconnectOnConnackError: true,
      resubscribe: false,
      ...(version === 5 && { properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: inFlightMax } }),
    };
    this.client = new MqttClient(() => connect(rotation.next().mqtt, "127.0.0.1").setNoDelay(true), options);
    this.client.on("error", (error) => this.#failed(error));
    this.client.on("packetreceive", (packet) => {
      if (packet.cmd === "connack") this.#connack(packet);
    });
  }

  cut(): void {
    this.client.stream.destroy();
  }

  async end(): Promise<void> {
    await this.client.endAsync(true);
  }

  #connack(packet: IConnackPacket): void {
    if ((packet.reasonCode ?? packet.returnCode ?? 0) !== 0) return;
    if (this.#hasSession && !packet.sessionPresent) this.#ledger.accuse(`the session ${this.#name} is gone`);
    this.#hasSession = true;
  }

  #failed(error: Error & { code?: unknown }): void {
    // The system's errors have codes in words.
    if (typeof error.code === "string" || expected.test(error.message)) return;
    this.#ledger.noteError(this.#name, error.message);
  }
}
