import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { allocatorSettings } from "../../harness/allocator-settings.ts";
import { until } from "../waiting.ts";
import type { Ports } from "./ports.ts";
import { residentMiB } from "./resident-memory.ts";

const ownProgram = fileURLToPath(
  new URL(`${import.meta.url.includes("/dist/") ? "../../" : ""}../../../bin/jackalope`, import.meta.url),
);
const startMs = 90_000;
const endMs = 30_000;
const sampleMs = 50;
const logCharactersMax = 4_000_000;
const listeners = ["amqp", "mqtt", "mqtt-ws", "stomp", "stomp-ws", "management"].flatMap((name) => [
  `--${name}-port`,
  "0",
]);

export interface BrokerOptions {
  /** Arguments of the store. */
  readonly store: readonly string[];
  readonly arguments: readonly string[];
  /** Of V8, in mebibytes. */
  readonly heapMiB: number;
  /** Open files that the process may have. */
  readonly descriptors: number;
  /** Resident mebibytes at which it is killed: what is shared with others must not be eaten up. */
  readonly ceilingMiB: number;
}

/** bin/jackalope in a process of its own, with bounded memory and descriptors. */
export class Broker {
  readonly child: ChildProcess;
  log = "";
  /** The largest resident memory since the last `resetPeak`. */
  peakMiB = 0;
  /** How it ended, if it did and nobody asked for it. */
  ending: string | null = null;
  ports!: Ports;
  #asked = false;
  readonly #gone: Promise<void>;

  private constructor(options: BrokerOptions) {
    const node = [process.execPath, `--max-old-space-size=${options.heapMiB}`, ownProgram, "--bind", "127.0.0.1"];
    const command = [...node, ...listeners, ...options.store, ...options.arguments];
    const script = `ulimit -n ${options.descriptors}; exec "$@"`;
    this.child = spawn("/bin/sh", ["-c", script, "sh", ...command], {
      // As `npm start` does.
      env: { ...allocatorSettings, ...process.env, JACKALOPE_LOG_FORMAT: "json" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const output of [this.child.stdout, this.child.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        if (this.log.length < logCharactersMax) this.log += text;
      });
    }
    const watch = setInterval(() => this.#sample(options.ceilingMiB), sampleMs);
    this.#gone = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        clearInterval(watch);
        if (!this.#asked) this.ending ??= `the process ended with ${code ?? signal}`;
        resolve();
      });
    });
  }

  /** Resolves when it serves. */
  static async start(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options);
    try {
      await until("the broker to serve", () => broker.ending !== null || broker.#readPorts(), startMs);
      if (broker.ending !== null) throw new Error(broker.ending);
      return broker;
    } catch (error) {
      await broker.end("SIGKILL");
      throw new Error(`it does not start: ${(error as Error).message}\n${broker.lastWords()}`, { cause: error });
    }
  }

  get residentMiB(): number {
    return residentMiB(this.child.pid ?? 0);
  }

  resetPeak(): void {
    this.peakMiB = this.residentMiB;
  }

  lastWords(): string {
    return this.log.trimEnd().split("\n").slice(-12).join("\n").slice(-3000);
  }

  /** Lines of the log that tell of a fault of ours: errors, and what is no log line at all. */
  faults(expected: RegExp | null): readonly string[] {
    return this.log.split("\n").filter((line) => isFault(line) && !(expected?.test(line) ?? false));
  }

  /** Ends the process; SIGKILL where it does not obey. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#asked = true;
    const timer = setTimeout(() => this.child.kill("SIGKILL"), endMs);
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.#gone;
    clearTimeout(timer);
  }

  #sample(ceilingMiB: number): void {
    this.peakMiB = Math.max(this.peakMiB, this.residentMiB);
    if (this.peakMiB < ceilingMiB || this.ending !== null) return;
    this.ending = `killed: it had ${this.peakMiB.toFixed(0)} MiB of memory, ${ceilingMiB} is the ceiling`;
    this.child.kill("SIGKILL");
  }

  #readPorts(): boolean {
    const line = this.log.split("\n").find((candidate) => candidate.includes('"msg":"ready"'));
    if (line === undefined) return false;
    this.ports = JSON.parse(line) as Ports;
    return true;
  }
}

function isFault(line: string): boolean {
  if (line.trim() === "") return false;
  // A line that is cut off by the end of what is kept is none.
  if (!line.startsWith("{")) return true;
  return line.includes('"level":"error"') || line.includes('"level":"fatal"');
}
