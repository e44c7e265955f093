import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { fileURLToPath } from "node:url";
import { freePort } from "@jackalope/testkit/free-port";
import { onTestFinished } from "vitest";
import { metricOf } from "./metrics-page.ts";
import type { MqttAddress } from "./mqtt-target.ts";
import { localMqtt } from "./mqtt-target.ts";
import type { StompAddress } from "./stompjs-client.ts";
import { once, waitFor } from "./waiting.ts";

const command = fileURLToPath(new URL("../../bin/jackalope", import.meta.url));
const freeListeners = ["amqp", "mqtt", "mqtt-ws", "stomp", "stomp-ws"].flatMap((name) => [`--${name}-port`, "0"]);

/** What /health/ready says. */
export interface Readiness {
  readonly status: "ready" | "standby" | "unavailable";
  readonly reason?: string;
}

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly amqpPort?: number;
  readonly [name: string]: unknown;
}

/** A broker process that shares its store with others. */
export class ClusterBroker {
  readonly child: ChildProcess;
  readonly managementPort: number;
  readonly #output: { text: string };

  constructor(child: ChildProcess, managementPort: number, output: { text: string }) {
    this.child = child;
    this.managementPort = managementPort;
    this.#output = output;
  }

  /** Everything it has written, whole lines and not. */
  get output(): string {
    return this.#output.text;
  }

  get log(): readonly LogLine[] {
    const lines = this.output.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  get amqpUrl(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port("amqpPort")}`;
  }

  get mqtt(): MqttAddress {
    return localMqtt(this.port("mqttPort"));
  }

  get stomp(): StompAddress {
    return { webSocketUrl: `ws://127.0.0.1:${this.port("stompWsPort")}/ws`, username: "guest", password: "guest" };
  }

  /** A port that it listens on, from the log. */
  port(name: string): number {
    const port = this.log.find((line) => line.amqpPort !== undefined)?.[name];
    if (typeof port !== "number") throw new Error(`no ${name} in the log:\n${this.output}`);
    return port;
  }

  /** What it says about itself; null while it does not answer. */
  async readiness(): Promise<Readiness | null> {
    try {
      return (await (await fetch(`http://127.0.0.1:${this.managementPort}/health/ready`)).json()) as Readiness;
    } catch {
      return null;
    }
  }

  /** Waits until it is ready, stands by, or is unavailable for that reason. */
  async becomes(status: Readiness["status"], reason = "", boundMs = 20_000): Promise<void> {
    let last: Readiness | null = null;
    const reached = async (): Promise<boolean> => {
      last = await this.readiness();
      if (this.child.exitCode !== null) throw new Error(`it ended:\n${this.output}`);
      // The log is written behind its back, and the ports are in it.
      const told = status === "unavailable" || this.log.some((line) => line.amqpPort !== undefined);
      return told && last?.status === status && (last.reason ?? "").includes(reason);
    };
    await waitFor(`${status} ${reason}`, reached, boundMs).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; it is ${JSON.stringify(last)}\n${this.output}`);
    });
  }

  /** A value of /metrics. */
  metric(name: string): Promise<number> {
    return metricOf(this.managementPort, name);
  }

  /** Whether something accepts on a port just now. */
  accepts(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connectSocket(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGSTOP; resolves when it stands still. It goes on at SIGCONT, or at the end of the test. */
  async stop(): Promise<void> {
    // Whoever says goodbye to it at the end of the test is to be answered.
    onTestFinished(() => void this.child.kill("SIGCONT"));
    this.child.kill("SIGSTOP");
    const state = async (): Promise<string> => readFile(`/proc/${this.child.pid}/status`, "utf8");
    await waitFor("the broker to stand still", async () => /^State:\tT/m.test(await state()));
  }

  /** Sends the signal and waits for the end; returns the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = once<number | null>("the end of the broker", (happened) => this.child.once("close", happened));
    this.child.kill(signal);
    return ended;
  }
}

/** Starts bin/jackalope on a store that it shares. It is killed at the end of the test where it is still there. */
export async function startClusterBroker(store: string, args: readonly string[] = []): Promise<ClusterBroker> {
  const managementPort = await freePort();
  const own = ["--bind", "127.0.0.1", ...freeListeners, "--management-port", String(managementPort)];
  const child = spawn(process.execPath, [command, ...own, ...args], {
    env: { ...process.env, JACKALOPE_LOG_FORMAT: "json", JACKALOPE_STORE: store },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { text: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const broker = new ClusterBroker(child, managementPort, output);
  // Without a management port the log has to do.
  if (!args.includes("--management-port")) await waitFor("the management port", () => broker.readiness());
  return broker;
}
