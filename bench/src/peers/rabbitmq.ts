import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { amqpReady } from "../amqp-ready.ts";
import { findExecutable } from "../executable.ts";
import { freePort } from "../free-port.ts";
import { mqttReady } from "../mqtt-ready.ts";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { portReady } from "../port-ready.ts";
import { StartedProcess } from "../started-process.ts";

/** Debian's and RabbitMQ's own packages keep the real script here; the one in /usr/sbin switches the user. */
const scriptDirectories = ["/usr/lib/rabbitmq/bin"];

/** Unacknowledged deliveries a subscription of QoS 1 may have, as many as our AMQP consumers ask for; its default is ten. */
const MQTT_PREFETCH = 500;

/** RabbitMQ as installed, without plugins (or with those for STOMP and MQTT, where they are measured), as a
 * node of its own: name, ports, directories, port mapper and home. */
export const rabbitmq: Peer = {
  name: "rabbitmq",
  find: () => (findExecutable("rabbitmq-server", scriptDirectories) === null ? null : `RabbitMQ ${installedVersion()}`),
  async start(place: PeerPlace): Promise<RunningPeer> {
    const script = findExecutable("rabbitmq-server", scriptDirectories);
    if (script === null) throw new Error("rabbitmq-server is not installed");
    const mapperPort = await freePort();
    const environment = { ...writeSettings(place), ...erlangPorts(mapperPort, await freePort()) };
    // Erlang would leave its port mapper behind as a daemon; started here, it can be stopped by its id.
    const mapper = startPortMapper(mapperPort, place);
    const node = new StartedProcess({
      command: script,
      arguments: ["-noinput"],
      environment,
      logFile: join(place.directory, "node.log"),
    });
    await amqpReady(place.port, node);
    if (place.stomp !== undefined) {
      await portReady(place.stomp.port, node);
      await portReady(place.stomp.webSocketPort, node);
    }
    if (place.mqttPort !== undefined) await mqttReady(place.mqttPort, node);
    return {
      name: "rabbitmq",
      place,
      processId: node.id,
      async stop(): Promise<void> {
        await node.stop();
        await mapper?.stop();
      },
      async kill(): Promise<void> {
        await node.kill();
        await mapper?.stop();
      },
    };
  },
};

function startPortMapper(port: number, place: PeerPlace): StartedProcess | null {
  const command = findExecutable("epmd");
  if (command === null) return null;
  return new StartedProcess({
    command,
    arguments: ["-port", String(port), "-address", "127.0.0.1"],
    logFile: join(place.directory, "epmd.log"),
  });
}

function erlangPorts(mapperPort: number, distributionPort: number): Record<string, string> {
  return {
    ERL_EPMD_PORT: String(mapperPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_DIST_PORT: String(distributionPort),
  };
}

function plugins(place: PeerPlace): string[] {
  return [
    ...(place.stomp === undefined ? [] : ["rabbitmq_stomp", "rabbitmq_web_stomp"]),
    ...(place.mqttPort === undefined ? [] : ["rabbitmq_mqtt"]),
  ];
}

function writeSettings(place: PeerPlace): Record<string, string> {
  const at = (name: string): string => join(place.directory, name);
  mkdirSync(at("home"), { recursive: true });
  const settings = [`listeners.tcp.1 = 127.0.0.1:${place.port}`, "disk_free_limit.absolute = 100MB"];
  if (place.stomp !== undefined) {
    settings.push(`stomp.listeners.tcp.1 = 127.0.0.1:${place.stomp.port}`);
    settings.push("web_stomp.tcp.ip = 127.0.0.1", `web_stomp.tcp.port = ${place.stomp.webSocketPort}`);
  }
  if (place.mqttPort !== undefined) {
    settings.push(`mqtt.listeners.tcp.1 = 127.0.0.1:${place.mqttPort}`, `mqtt.prefetch = ${MQTT_PREFETCH}`);
  }
  writeFileSync(at("rabbitmq.conf"), `${settings.join("\n")}\n`);
  writeFileSync(at("enabled_plugins"), `[${plugins(place).join(",")}].\n`);
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: at("home"),
    // Makes the script become the Erlang node instead of waiting for it, so that its id is the node's.
    RABBITMQ_ALLOW_INPUT: "1",
    RABBITMQ_NODENAME: `bench-${place.port}@localhost`,
    RABBITMQ_MNESIA_BASE: at("mnesia"),
    RABBITMQ_LOG_BASE: at("log"),
    RABBITMQ_CONFIG_FILE: at("rabbitmq.conf"),
    RABBITMQ_CONF_ENV_FILE: at("no-environment-file"),
    RABBITMQ_ENABLED_PLUGINS_FILE: at("enabled_plugins"),
    RABBITMQ_PID_FILE: at("pid"),
  };
}

function installedVersion(): string {
  try {
    const names = readdirSync("/usr/lib/rabbitmq/lib");
    return /rabbitmq_server-(.+)/.exec(names.find((name) => name.startsWith("rabbitmq_server-")) ?? "")?.[1] ?? "";
  } catch {
    return "";
  }
}
