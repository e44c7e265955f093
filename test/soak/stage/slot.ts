import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { freePort } from "@jackalope/testkit/free-port";

const healthMs = 500;
const lastWordsLines = 12;

/** Where clients find the broker of a slot. */
export interface SlotPorts {
  readonly amqp: number;
  readonly mqtt: number;
  readonly stompWs: number;
  readonly management: number;
}

/** What /health/ready says: nothing where nobody listens, or nobody answers. */
export type Health = "ready" | "standby" | "unavailable" | "nothing";

export interface SlotOptions {
  readonly name: string;
  /** bin/jackalope. */
  readonly program: string;
  readonly folder: string;
  /** Further arguments, for the store. */
  readonly args: readonly string[];
  /** The process has ended, and not by us. */
  readonly died: (text: string) => void;
}

/** A place for a broker, with ports that stay; one process after the other runs there. */
export class Slot {
  readonly name: string;
  readonly ports: SlotPorts;
  readonly #options: SlotOptions;
  #child: ChildProcess | null = null;
  #gone: Promise<void> = Promise.resolve();

  private constructor(options: SlotOptions, ports: SlotPorts) {
    this.name = options.name;
    this.ports = ports;
    this.#options = options;
  }

  static async make(options: SlotOptions): Promise<Slot> {
    mkdirSync(options.folder, { recursive: true });
    const ports = {
      amqp: await freePort(),
      mqtt: await freePort(),
      stompWs: await freePort(),
      management: await freePort(),
    };
    return new Slot(options, ports);
  }

  /** Where its processes write what they have to say. */
  get logFile(): string {
    return join(this.#options.folder, `broker-${this.name}.log`);
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Resident memory of the process in mebibytes (VmRSS in proc(5)); 0 where there is none. */
  get residentMiB(): number {
    if (this.#child === null) return 0;
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"));
    return Number(match?.[1] ?? 0) / 1024;
  }

  /** Starts a process; does not wait for it. */
  start(): void {
    const { program, args, folder } = this.#options;
    const { amqp, mqtt, stompWs, management } = this.ports;
    const listeners = [
      ...["--bind", "127.0.0.1", "--amqp-port", amqp, "--mqtt-port", mqtt, "--mqtt-ws-port", "off"],
      ...["--stomp-port", "off", "--stomp-ws-port", stompWs, "--management-port", management],
    ];
    const dataDir = ["--data-dir", join(folder, `data-${this.name}`)];
    const child = spawn(process.execPath, [program, ...listeners.map(String), ...dataDir, ...args], {
      env: { ...process.env, JACKALOPE_LOG_FORMAT: "json" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let lastWords = "";
    const log = (text: string): void => {
      appendFileSync(this.logFile, text);
      lastWords = (lastWords + text).split("\n").slice(-lastWordsLines).join("\n");
    };
    child.stdout.setEncoding("utf8").on("data", log);
    child.stderr.setEncoding("utf8").on("data", log);
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        if (this.#child === child) {
          this.#child = null;
          this.#options.died(`broker ${this.name} ended by itself with ${code ?? signal}:\n${lastWords}`);
        }
        resolve();
      });
    });
  }

  /** Sends a signal that is not meant to end it. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** Ends the process; resolves when it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    child?.kill(signal);
    await this.#gone;
  }

  health(): Promise<Health> {
    if (this.#child === null) return Promise.resolve("nothing");
    return new Promise((resolve) => {
      const request = get({ port: this.ports.management, host: "127.0.0.1", path: "/health/ready", agent: false });
      request.setTimeout(healthMs, () => request.destroy());
      request.once("error", () => resolve("nothing"));
      request.once("close", () => resolve("nothing"));
      request.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("end", () => resolve(healthIn(text)));
      });
    });
  }
}

function healthIn(text: string): Health {
  const { status } = JSON.parse(text) as { readonly status?: unknown };
  return status === "ready" || status === "standby" ? status : "unavailable";
}
