import { packetTypes, pingreq } from "../../harness/mqtt-wire.ts";
import type { Ports } from "../stage/ports.ts";
import { lasting } from "../waiting.ts";
import { AmqpClient } from "../wire/amqp-client.ts";
import { MqttClient } from "../wire/mqtt-client.ts";
import { StompClient } from "../wire/stomp-client.ts";
import { Waits } from "./waits.ts";

const pauseMs = 10;

interface QuietClient {
  readonly waits: Waits;
  readonly ping: () => Promise<void>;
  readonly close: () => void;
}

/** A client of each protocol that was there before, has nothing to do with anybody, and asks for a sign of life. */
export class QuietClients {
  readonly #clients: readonly QuietClient[];
  #over = false;
  readonly #running: Promise<void>;

  private constructor(clients: readonly QuietClient[]) {
    this.#clients = clients;
    this.#running = Promise.all(clients.map((client) => this.#run(client))).then(() => undefined);
  }

  static async open(ports: Ports): Promise<QuietClients> {
    return new QuietClients([await amqp(ports.amqpPort), await mqtt(ports.mqttPort), await stomp(ports.stompPort)]);
  }

  get waits(): readonly Waits[] {
    return this.#clients.map(({ waits }) => waits);
  }

  async close(): Promise<void> {
    this.#over = true;
    for (const { close } of this.#clients) close();
    await this.#running;
  }

  async #run({ waits, ping }: QuietClient): Promise<void> {
    while (!this.#over) {
      waits.begin();
      try {
        await ping();
      } catch (error) {
        // A sign of life that did not come is the longest wait, and goes on.
        if (this.#over) waits.drop();
        else waits.failure = (error as Error).message;
        return;
      }
      waits.end();
      await lasting(pauseMs);
    }
  }
}

async function amqp(port: number): Promise<QuietClient> {
  const client = await AmqpClient.open(port);
  return { waits: new Waits("AMQP"), ping: () => client.settled(), close: () => client.destroy() };
}

async function mqtt(port: number): Promise<QuietClient> {
  const client = await MqttClient.open(port);
  let asked = 0;
  const ping = async (): Promise<void> => {
    client.stream.send(pingreq);
    await client.nextOf(packetTypes.pingresp, ++asked);
  };
  return { waits: new Waits("MQTT"), ping, close: () => client.destroy() };
}

async function stomp(port: number): Promise<QuietClient> {
  const client = await StompClient.open(port);
  let asked = 0;
  const ping = async (): Promise<void> => {
    client.send("SEND", { destination: "/topic/nobody.listens", receipt: String(++asked) }, "?");
    await client.nextOf("RECEIPT", asked);
  };
  return { waits: new Waits("STOMP"), ping, close: () => client.destroy() };
}
