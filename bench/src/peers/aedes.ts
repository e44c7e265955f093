import { readFileSync } from "node:fs";
import { join } from "node:path";
import { benchDirectory } from "../checkout.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

const program: string = join(benchDirectory, "aedes", "aedes-server.mjs");
const manifestFile: string = join(benchDirectory, "node_modules", "aedes", "package.json");

/** Aedes from npm in a process of its own. */
export const aedes: Peer = {
  name: "aedes",
  find(): string | null {
    try {
      const manifest: unknown = JSON.parse(readFileSync(manifestFile, "utf8"));
      return `Aedes ${String((manifest as { version?: unknown }).version)}`;
    } catch {
      return null;
    }
  },
  async start(place: PeerPlace): Promise<RunningPeer> {
    if (place.mqttPort === undefined) throw new Error("Aedes speaks MQTT alone");
    const started = new StartedProcess({
      command: process.execPath,
      arguments: [program],
      environment: { PORT: String(place.mqttPort) },
      logFile: join(place.directory, "aedes.log"),
    });
    await mqttReady(place.mqttPort, started);
    return { name: "aedes", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};
