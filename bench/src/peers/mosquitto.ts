import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findExecutable } from "../executable.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

/** Debian keeps it where an ordinary user's PATH does not look. */
const directories = ["/usr/sbin", "/usr/local/sbin"];

/** Mosquitto with its limits lifted, so that it neither drops nor holds back: no bound on queues and on messages in flight. */
export const mosquitto: Peer = {
  name: "mosquitto",
  find(): string | null {
    const command = findExecutable("mosquitto", directories);
    return command === null ? null : `Mosquitto ${installedVersion(command)}`;
  },
  async start(place: PeerPlace): Promise<RunningPeer> {
    if (place.mqttPort === undefined) throw new Error("Mosquitto speaks MQTT alone");
    const settings = join(place.directory, "mosquitto.conf");
    writeFileSync(settings, `${settingsFor(place.mqttPort).join("\n")}\n`);
    const started = new StartedProcess({
      command: findExecutable("mosquitto", directories) ?? "mosquitto",
      arguments: ["-c", settings],
      logFile: join(place.directory, "mosquitto.log"),
    });
    await mqttReady(place.mqttPort, started);
    return { name: "mosquitto", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};

/** mosquitto.conf(5); 0 means unlimited. */
function settingsFor(port: number): string[] {
  return [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "max_queued_messages 0",
    "max_queued_bytes 0",
    "max_inflight_messages 0",
    "set_tcp_nodelay true",
    "persistence false",
    "sys_interval 0",
    "log_dest stderr",
    "log_type error",
  ];
}

/** `mosquitto -h` begins with the version, and ends with an exit code of 3. */
function installedVersion(command: string): string {
  const { stdout } = spawnSync(command, ["-h"], { encoding: "utf8" });
  return /mosquitto version (\S+)/.exec(stdout)?.[1] ?? "";
}
