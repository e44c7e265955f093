import { createAmqpRefuser } from "@jackalope/amqp-adapter";
import { createMqttRefuser } from "@jackalope/mqtt-adapter";
import { createStompRefuser } from "@jackalope/stomp-adapter";
import type { Refuser, RefuserOptions, WebSocketRefuser } from "@jackalope/transport";
import { listenAmqp } from "./amqp-listeners.ts";
import type { Config } from "./config/config.ts";
import type { ProtocolPorts } from "./leadership.ts";
import { listenMqtt } from "./mqtt-listeners.ts";
import type { PortOpener } from "./port-opener.ts";
import { listenStomp } from "./stomp-listeners.ts";

/** Listens in place of the adapters, and tells every client in its protocol's words why it is not served. */
export class Refusers {
  readonly #config: Config;
  readonly #amqp: Refuser;
  readonly #mqtt: WebSocketRefuser;
  readonly #stomp: WebSocketRefuser;

  constructor(config: Config, options: Omit<RefuserOptions, "timeoutMs">) {
    const all = { ...options, timeoutMs: config.handshakeTimeout };
    this.#config = config;
    this.#amqp = createAmqpRefuser(all);
    this.#mqtt = createMqttRefuser(all);
    this.#stomp = createStompRefuser(all);
  }

  /** Clients that came so far. */
  get refusedCount(): number {
    return this.#amqp.refusedCount + this.#mqtt.refusedCount + this.#stomp.refusedCount;
  }

  /** Takes every port that the adapters take. Throws StartError. */
  async listen(opener: PortOpener): Promise<ProtocolPorts> {
    return {
      ...(await listenAmqp(this.#amqp, opener)),
      ...(await listenMqtt(this.#mqtt, this.#config, opener)),
      ...(await listenStomp(this.#stomp, this.#config, opener)),
    };
  }

  /** The ports are free when the call returns; resolves when the last client is gone, a moment later. */
  async close(): Promise<void> {
    await Promise.all([this.#amqp.close(), this.#mqtt.close(), this.#stomp.close()]);
  }
}
