import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { findExecutable } from "../executable.ts";
import { freePort } from "../free-port.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { StartedProcess } from "../started-process.ts";

/** LavinMQ, when it is on PATH. It confirms without fsync: read its durable figures with that in mind. */
export const lavinmq: Peer = {
  name: "lavinmq",
  find(): string | null {
    const command = findExecutable("lavinmq");
    return command === null ? null : `LavinMQ ${execFileSync(command, ["--version"], { encoding: "utf8" }).trim()}`;
  },
  async start(place: PeerPlace): Promise<RunningPeer> {
    const started = new StartedProcess({
      command: findExecutable("lavinmq") ?? "lavinmq",
      arguments: [
        ...[`--data-dir=${join(place.directory, "data")}`, "--bind=127.0.0.1"],
        ...[`--amqp-port=${place.port}`, `--http-port=${await freePort()}`],
      ],
      logFile: join(place.directory, "lavinmq.log"),
    });
    await amqpReady(place.port, started);
    return { name: "lavinmq", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
  },
};
