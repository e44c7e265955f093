import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { checkoutDirectory } from "../checkout.ts";
import { freePort } from "../free-port.ts";
import { healthReady } from "../health-ready.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { portReady } from "../port-ready.ts";
import { StartedProcess } from "../started-process.ts";

const command: string = join(checkoutDirectory, "bin", "jackalope");

/** The broker of this checkout, with the embedded log in its default setting: a confirm waits for fdatasync. */
export const jackalope: Peer = {
  name: "jackalope",
  find: () => (existsSync(command) ? `jackalope ${checkoutVersion()}` : null),
  start: (place: PeerPlace): Promise<RunningPeer> => startJackalope(place, ["--management-port", "off"]),
};

/** Starts it on a Redis. Until that broker leads it refuses clients, so its health page is asked. */
export async function startJackalopeOn(store: string, place: PeerPlace): Promise<RunningPeer> {
  const managementPort = await freePort();
  const further = ["--store", store, "--management-port", String(managementPort)];
  return startJackalope(place, further, (started) => healthReady(managementPort, started));
}

async function startJackalope(
  place: PeerPlace,
  further: readonly string[],
  ready: (started: StartedProcess) => Promise<void> = () => Promise.resolve(),
): Promise<RunningPeer> {
  const started = new StartedProcess({
    command: process.execPath,
    arguments: [
      ...[command, "--bind", "127.0.0.1", "--amqp-port", String(place.port)],
      ...["--data-dir", join(place.directory, "data"), "--log-level", "warn"],
      ...further,
      ...["--mqtt-ws-port", "off"],
      ...["--mqtt-port", String(place.mqttPort ?? "off")],
      ...["--stomp-port", String(place.stomp?.port ?? "off")],
      ...["--stomp-ws-port", String(place.stomp?.webSocketPort ?? "off")],
    ],
    logFile: join(place.directory, "jackalope.log"),
  });
  await ready(started);
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
