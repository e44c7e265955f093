import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { metricOf } from "./metrics-page.ts";
import { folderOfTest } from "./temporary-folder.ts";
import { once, waitFor } from "./waiting.ts";

const command = fileURLToPath(new URL("../../bin/jackalope", import.meta.url));
const amqpListeners = ["--bind", "127.0.0.1", "--amqp-port", "0", "--management-port", "0"];
const stompListeners = ["--stomp-port", "0", "--stomp-ws-port", "0"];
const mqttListeners = ["--mqtt-port", "0", "--mqtt-ws-port", "off"];
const listeners = [...amqpListeners, ...stompListeners, ...mqttListeners];
const built = fileURLToPath(new URL("../../packages/server/dist/main.js", import.meta.url));

/** How a broker process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A broker in a process of its own, as operators run it. */
export class BrokerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly amqpPort: number;
  readonly managementPort: number | null;
  readonly stompPort: number | null;
  /** STOMP over WebSocket. */
  readonly stompWsPort: number | null;
  readonly mqttPort: number | null;
  /** Resolves when the process is gone. */
  readonly ended: Promise<Ending>;
  readonly #log: LogLines;

  constructor(child: ChildProcess, log: LogLines, ended: Promise<Ending>, ready: ReadyLine) {
    this.child = child;
    this.#log = log;
    this.ended = ended;
    this.amqpPort = ready.amqpPort;
    this.managementPort = ready.managementPort;
    this.stompPort = ready.stompPort;
    this.stompWsPort = ready.stompWsPort;
    this.mqttPort = ready.mqttPort;
    this.url = `amqp://guest:guest@127.0.0.1:${ready.amqpPort}`;
  }

  /** Everything that the process has logged. */
  get log(): string {
    return this.#log.text;
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Ending> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Resident memory in bytes, as the metrics page says it. */
  residentBytes(): Promise<number> {
    return this.metric("process_resident_memory_bytes");
  }

  /** The value of a line of the metrics page: a name, with its labels where it has any. */
  metric(line: string): Promise<number> {
    return metricOf(this.managementPort, line);
  }
}

interface ReadyLine {
  readonly amqpPort: number;
  readonly managementPort: number | null;
  readonly stompPort: number | null;
  readonly stompWsPort: number | null;
  readonly mqttPort: number | null;
}

interface LogLines {
  text: string;
}

/** Starts bin/jackalope and kills it after `afterMs`, ready or not. */
export async function startAndKill(dataDir: string, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [command, "--data-dir", dataDir, ...listeners], { stdio: "ignore" });
  const ended = once<void>("the end of the broker", (happened) => child.once("exit", () => happened()));
  setTimeout(() => child.kill("SIGKILL"), afterMs);
  await ended;
}

/**
 * Runs bin/jackalope until it is ready. It is killed at the end of the test where it is still there. With `descriptors` it
 * may have no more files and sockets open than that; `environment` is added to the tests' own.
 */
export async function startBrokerProcess(
  dataDir: string,
  args: readonly string[] = [],
  boundMs = 30_000,
  descriptors: number | null = null,
  environment: Readonly<Record<string, string>> = {},
): Promise<BrokerProcess> {
  if (!existsSync(built))
    throw new Error("bin/jackalope is not built: run `npm run setup`, or the tests by `npm test`");
  const limited = descriptors === null ? [] : ["prlimit", `--nofile=${descriptors}:${descriptors}`];
  const [program, ...rest] = [...limited, process.execPath, command, "--data-dir", dataDir, ...listeners, ...args];
  const child = spawn(program as string, rest, {
    env: { ...process.env, JACKALOPE_LOG_FORMAT: "json", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: LogLines = { text: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (log.text += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log.text += text));
  let ending: Ending | null = null;
  const ended = new Promise<Ending>((resolve) => {
    child.once("exit", (code, signal) => resolve((ending = { code, signal })));
  });
  onTestFinished(async () => {
    if (ending === null) child.kill("SIGKILL");
    await ended;
  });
  try {
    const ready = await waitFor("the broker to be ready", () => readyLine(log.text) ?? ending, boundMs);
    if (!("amqpPort" in ready)) throw new Error(`the broker ended with ${ready.code ?? ready.signal}`);
    return new BrokerProcess(child, log, ended, ready);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n--- its log\n${log.text}`, { cause: error });
  }
}

function readyLine(log: string): ReadyLine | null {
  const line = log.split("\n").find((candidate) => candidate.includes('"msg":"ready"'));
  return line === undefined ? null : (JSON.parse(line) as ReadyLine);
}

/** A folder for a broker's data that goes with the test. */
export function temporaryDataDir(): Promise<string> {
  return folderOfTest("jackalope-data-");
}
