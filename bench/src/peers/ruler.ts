import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { benchDirectory } from "../checkout.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

/** What one core of Node can do at all: see ruler/amqp-hot-path.mjs. */
export const ruler: Peer = {
  name: "ruler",
  find: () => "ruler",
  async start(place: PeerPlace): Promise<RunningPeer> {
    const started = new StartedProcess({
      command: process.execPath,
      arguments: [join(benchDirectory, "ruler", "amqp-hot-path.mjs")],
      environment: { PORT: String(place.port) },
      logFile: join(place.directory, "ruler.log"),
    });
    await amqpReady(place.port, started);
    return { name: "ruler", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};
