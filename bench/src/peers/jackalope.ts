import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { checkoutDirectory } from "../checkout.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { portReady } from "../port-ready.ts";
import { StartedProcess } from "../started-process.ts";

const command: string = join(checkoutDirectory, "bin", "jackalope");
const closedListeners = ["--management-port", "--mqtt-ws-port"];

/** The broker of this checkout, with the embedded log in its default setting: a confirm waits for fdatasync. */
export const jackalope: Peer = {
  name: "jackalope",
  find: () => (existsSync(command) ? `jackalope ${checkoutVersion()}` : null),
  start: (place: PeerPlace): Promise<RunningPeer> => startJackalope(place, []),
};

/** Starts it with further arguments. */
export async function startJackalope(place: PeerPlace, further: readonly string[]): Promise<RunningPeer> {
  const started = new StartedProcess({
    command: process.execPath,
    arguments: [
      ...[command, "--bind", "127.0.0.1", "--amqp-port", String(place.port)],
      ...["--data-dir", join(place.directory, "data"), "--log-level", "warn"],
      ...further,
      ...closedListeners.flatMap((flag) => [flag, "off"]),
      ...["--mqtt-port", String(place.mqttPort ?? "off")],
      ...["--stomp-port", String(place.stomp?.port ?? "off")],
      ...["--stomp-ws-port", String(place.stomp?.webSocketPort ?? "off")],
    ],
    logFile: join(place.directory, "jackalope.log"),
  });
  await amqpReady(place.port, started);
  if (place.stomp !== undefined) {
    await portReady(place.stomp.port, started);
    await portReady(place.stomp.webSocketPort, started);
  }
  if (place.mqttPort !== undefined) await mqttReady(place.mqttPort, started);
  return { name: "jackalope", place, processId: started.id, stop: () => started.stop(), kill: () => started.kill() };
}

function checkoutVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(checkoutDirectory, "package.json"), "utf8"));
  return String((manifest as { version?: unknown }).version);
}
