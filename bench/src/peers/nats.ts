import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findExecutable } from "../executable.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

/** Debian keeps it where an ordinary user's PATH does not look. */
const directories = ["/usr/sbin", "/usr/local/sbin"];

/** nats-server with its MQTT listener, which wants a server name and JetStream; QoS 0 passes through no stream. */
export const nats: Peer = {
  name: "nats",
  find(): string | null {
    const command = findExecutable("nats-server", directories);
    return command === null ? null : `nats-server ${installedVersion(command)}`;
  },
  async start(place: PeerPlace): Promise<RunningPeer> {
    if (place.mqttPort === undefined) throw new Error("nats-server is measured by its MQTT listener alone");
    const settings = join(place.directory, "nats.conf");
    writeFileSync(settings, `${settingsFor(place, place.mqttPort).join("\n")}\n`);
    const started = new StartedProcess({
      command: findExecutable("nats-server", directories) ?? "nats-server",
      arguments: ["-c", settings],
      logFile: join(place.directory, "nats.log"),
    });
    await mqttReady(place.mqttPort, started);
    return { name: "nats", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};

function settingsFor(place: PeerPlace, mqttPort: number): string[] {
  return [
    "server_name: bench",
    "host: 127.0.0.1",
    `port: ${place.port}`,
    `jetstream { store_dir: "${join(place.directory, "jetstream")}" }`,
    `mqtt { host: 127.0.0.1, port: ${mqttPort} }`,
  ];
}

/** `nats-server: v2.9.10`. */
function installedVersion(command: string): string {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return /v(\S+)/.exec(stdout)?.[1] ?? "";
}
