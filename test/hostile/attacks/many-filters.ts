import { packetTypes, subscribePacket } from "../../harness/mqtt-wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { until } from "../waiting.ts";
import { MqttClient } from "../wire/mqtt-client.ts";

const filtersEach = 16_000;

/** SUBSCRIBEs of as many filters as a packet may have. */
async function subscribe(client: MqttClient, filters: number): Promise<void> {
  for (let start = 0, packetId = 1; start < filters; start += filtersEach, packetId++) {
    const count = Math.min(filtersEach, filters - start);
    const list = Array.from({ length: count }, (_, index) => [`many/+/${start + index}/#`, 1] as const);
    client.stream.send(subscribePacket(packetId, list));
    await client.nextOf(packetTypes.suback, packetId);
  }
}

async function subscribeOnce({ mqttPort }: Scene): Promise<void> {
  const client = await MqttClient.open(mqttPort);
  let refused = 0;
  client.onPacket = ({ type, body }) => {
    if (type === packetTypes.suback) for (const code of body.subarray(3)) if (code >= 0x80) refused++;
  };
  await subscribe(client, filtersEach);
  if (refused > 0) throw new Error(`${refused} of ${filtersEach} filters were refused`);
  client.destroy();
}

/** A session that is kept, comes back, and is thrown away by a clean start. */
async function endOfSession(scene: Scene): Promise<void> {
  const filters = sized(scene, 16_000, 65_000);
  const options = { clientId: "many-filters", sessionExpirySeconds: 3600 };
  const first = await MqttClient.open(scene.mqttPort, options);
  await subscribe(first, filters);
  first.destroy();
  const beganMs = performance.now();
  const clean = await MqttClient.open(scene.mqttPort, { clientId: options.clientId });
  scene.note(`${filters} filters went in ${(performance.now() - beganMs).toFixed(0)} ms`);
  clean.destroy();
  await until("the end of the connection", () => clean.stream.ended, 10_000);
}

export const manyFilters: readonly Attack[] = [
  {
    name: "subscribe-16000-filters",
    title: "a SUBSCRIBE of 16,000 filters with wildcards",
    kind: "single",
    run: subscribeOnce,
  },
  {
    name: "end-of-session-65000-filters",
    title: "the end of a session with 65,000 filters",
    kind: "single",
    heapMiB: 1024,
    run: endOfSession,
  },
];
