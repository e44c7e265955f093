import { basicConsume, declareFlags } from "../../harness/wire.ts";
import { packetTypes, publishPacket, subscribePacket } from "../../harness/mqtt-wire.ts";
import type { Ports } from "../stage/ports.ts";
import { lasting, within } from "../waiting.ts";
import { AmqpClient, declareQueue, publish } from "../wire/amqp-client.ts";
import { MqttClient } from "../wire/mqtt-client.ts";
import { StompClient } from "../wire/stomp-client.ts";
import { Waits } from "./waits.ts";

const pauseMs = 150;
const boundMs = 30_000;

/** Each protocol's newcomer: connects, subscribes, sends itself a message, has it, and leaves. */
const visits: readonly { readonly name: string; readonly visit: (ports: Ports, topic: string) => Promise<void> }[] = [
  { name: "AMQP", visit: visitAmqp },
  { name: "MQTT", visit: visitMqtt },
  { name: "STOMP", visit: visitStomp },
];

/** New clients of all protocols, one after the other. */
export class Newcomers {
  readonly waits: readonly Waits[] = visits.map(({ name }) => new Waits(`new ${name}`));
  readonly #ports: Ports;
  readonly #running: Promise<void>;
  #over = false;
  #visits = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#running = this.#run();
  }

  /** Resolves when the last one has left. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      for (const [index, { visit }] of visits.entries()) await this.#visit(this.waits[index] as Waits, visit);
      await lasting(pauseMs);
    }
  }

  async #visit(waits: Waits, visit: (ports: Ports, topic: string) => Promise<void>): Promise<void> {
    const topic = `newcomer.${process.pid}.${this.#visits++}`;
    waits.begin();
    try {
      await within("a newcomer's own message", visit(this.#ports, topic), boundMs);
    } catch (error) {
      waits.failure ??= (error as Error).message;
    }
    waits.end();
  }
}

async function visitAmqp({ amqpPort }: Ports, queue: string): Promise<void> {
  const client = await AmqpClient.open(amqpPort);
  client.stream.send(declareQueue(queue, declareFlags.exclusive | declareFlags.nowait));
  client.stream.send(basicConsume(1, queue, "c", 2 | 8), publish("", queue, Buffer.from("here?")));
  await client.delivered(1);
  client.destroy();
}

async function visitMqtt({ mqttPort }: Ports, topic: string): Promise<void> {
  const client = await MqttClient.open(mqttPort);
  client.stream.send(subscribePacket(1, [[topic, 0]]));
  await client.nextOf(packetTypes.suback, 1);
  client.stream.send(publishPacket({ topic, body: "here?" }));
  await client.nextOf(packetTypes.publish, 1);
  client.destroy();
}

async function visitStomp({ stompPort }: Ports, topic: string): Promise<void> {
  const client = await StompClient.open(stompPort);
  client.send("SUBSCRIBE", { destination: `/topic/${topic}`, id: "1", receipt: "r" });
  await client.nextOf("RECEIPT", 1);
  client.send("SEND", { destination: `/topic/${topic}` }, "here?");
  await client.nextOf("MESSAGE", 1);
  client.destroy();
}
