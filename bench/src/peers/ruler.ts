import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { benchDirectory } from "../checkout.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

/** What one core of Node can do at all: see ruler/amqp-hot-path.mjs, and mqtt-hot-path.mjs, which speaks nothing else. */
export const ruler: Peer = {
  name: "ruler",
  find: () => "ruler",
  async start(place: PeerPlace): Promise<RunningPeer> {
    const program = place.mqttPort === undefined ? "amqp-hot-path.mjs" : "mqtt-hot-path.mjs";
    const started = new StartedProcess({
      command: process.execPath,
      arguments: [join(benchDirectory, "ruler", program)],
      environment: { PORT: String(place.mqttPort ?? place.port) },
      logFile: join(place.directory, "ruler.log"),
    });
    if (place.mqttPort === undefined) await amqpReady(place.port, started);
    else await mqttReady(place.mqttPort, started);
    return { name: "ruler", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};
