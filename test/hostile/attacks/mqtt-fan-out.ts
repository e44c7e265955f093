import { packetTypes, publishPacket, subscribePacket } from "../../harness/mqtt-wire.ts";
import type { Attack, Scene } from "../attack.ts";
import { pump, repeated } from "../pump.ts";
import { MqttClient } from "../wire/mqtt-client.ts";

const topic = "flood/all";
const body = Buffer.alloc(100, 0x61);
const subscribers = 100;

/** Publishers of QoS 0 at full speed, a hundred subscribers. */
async function fanOut(scene: Scene, publishers: number): Promise<void> {
  const listening = await openAll(scene, subscribers);
  for (const client of listening) client.stream.send(subscribePacket(1, [[topic, 0]]));
  for (const client of listening) await client.nextOf(packetTypes.suback, 1);
  for (const client of listening) client.countBytesOnly();
  const publishing = await openAll(scene, publishers);
  const streams = publishing.map(({ stream }) => stream);
  const one = publishPacket({ topic, body });
  const beganMs = performance.now();
  await pump(streams, repeated(one), scene.seconds);
  const delivered = listening.reduce((sum, { stream }) => sum + stream.receivedBytes, 0) / one.length;
  scene.note(`${Math.round((delivered / (performance.now() - beganMs)) * 1000)} deliveries/s`);
  const starved = listening.filter(({ stream }) => stream.receivedBytes < 100 * one.length).length;
  if (starved > 0) throw new Error(`${starved} of ${subscribers} subscribers got hardly anything`);
  for (const client of [...listening, ...publishing]) client.destroy();
}

function openAll({ mqttPort }: Scene, count: number): Promise<MqttClient[]> {
  return Promise.all(Array.from({ length: count }, () => MqttClient.open(mqttPort)));
}

export const mqttFanOut: readonly Attack[] = [
  {
    name: "mqtt-fan-out-1-100",
    title: "MQTT QoS 0: one publisher at full speed, 100 subscribers",
    kind: "flood",
    run: (scene) => fanOut(scene, 1),
  },
  {
    name: "mqtt-fan-out-20-100",
    title: "MQTT QoS 0: 20 publishers at full speed, 100 subscribers",
    kind: "flood",
    run: (scene) => fanOut(scene, 20),
  },
];
