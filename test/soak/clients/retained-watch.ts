import { connect } from "node:net";
import { MqttClient } from "mqtt";
import type { Ledger } from "../ledger/ledger.ts";
import { topics } from "../plan.ts";
import { until } from "../waiting.ts";
import { connectMs, type Rotation, retryMs, type SoakClient } from "./client.ts";
import { MqttLife } from "./mqtt-life.ts";

const publishMs = 50;
const lookMs = 30_000;

/** Publishes a growing number as a retained message with QoS 1, and looks what the broker has kept of it. */
export class RetainedWatch implements SoakClient {
  readonly name = "retained message";
  readonly rotation: Rotation;
  readonly #ledger: Ledger;
  readonly #life: MqttLife;
  readonly #timer: NodeJS.Timeout;
  #number = 0;
  #acknowledged = 0;
  #underWay = 0;
  #connected = false;
  #stopped = false;

  constructor(ledger: Ledger, rotation: Rotation) {
    this.#ledger = ledger;
    this.rotation = rotation;
    this.#life = new MqttLife(ledger, "soak-retained", 5, 4, rotation);
    this.#life.client.on("connect", () => {
      this.#connected = true;
    });
    this.#life.client.on("close", () => {
      this.#connected = false;
    });
    this.#timer = setInterval(() => this.#publish(), publishMs);
  }

  get idle(): boolean {
    return this.#underWay === 0;
  }

  /** Publishes no more. */
  stop(): void {
    this.#stopped = true;
  }

  cut(): void {
    this.#life.cut();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#life.end();
  }

  /** What is kept is no older than what was acknowledged before, and no newer than what was sent. */
  async look(): Promise<void> {
    const least = this.#acknowledged;
    const kept = await this.#keptNumber(least > 0);
    if (kept < least) this.#ledger.accuse(`number ${least} was acknowledged as retained, ${kept} is kept`);
    if (kept > this.#number) this.#ledger.accuse(`number ${kept} is retained, and was never sent`);
  }

  #publish(): void {
    if (!this.#connected || this.#stopped || this.#underWay > 0) return;
    const number = ++this.#number;
    this.#underWay++;
    this.#life.client.publish(topics.retained, String(number), { qos: 1, retain: true }, (error) => {
      this.#underWay--;
      if (!error) this.#acknowledged = number;
    });
  }

  /**
   * Asks as often as it takes to get through. -1 where nothing is kept; where something must be, that is believed only
   * after a while, as a broker whose lease is in doubt sends nothing that is retained.
   */
  async #keptNumber(expected: boolean): Promise<number> {
    let kept: number | null = null;
    const giveUpAtMs = expected ? performance.now() + lookMs / 2 : 0;
    const client = new MqttClient(() => connect(this.rotation.next().mqtt, "127.0.0.1"), {
      username: "guest",
      password: "guest",
      protocolVersion: 5,
      reconnectPeriod: retryMs,
      connectTimeout: connectMs,
      reconnectOnConnackError: true,
      resubscribe: false,
    });
    client.on("error", () => undefined);
    client.on("connect", () => {
      client.subscribe(topics.retained, { qos: 1 }, (error) => {
        if (!error) client.sendPing();
      });
    });
    client.on("message", (_, payload) => (kept ??= Number(payload.toString())));
    client.on("packetreceive", (packet) => {
      // It comes behind everything that the subscription brought.
      if (packet.cmd !== "pingresp" || kept !== null) return;
      if (performance.now() > giveUpAtMs) kept = -1;
      else setTimeout(() => client.connected && client.sendPing(), publishMs);
    });
    try {
      await until("the retained message", () => kept !== null, lookMs);
    } finally {
      await client.endAsync(true);
    }
    return kept as unknown as number;
  }
}
