import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { benchDirectory } from "./checkout.ts";
import { findExecutable } from "./executable.ts";
import type { RunningPeer } from "./peer.ts";

/** Percentiles in microseconds. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the load generator prints; see `load --help`. */
export interface LoadResult {
  readonly seconds: number;
  readonly sent: number;
  readonly delivered: number;
  readonly confirmed: number;
  readonly refused: number;
  readonly lost: number;
  readonly outOfOrder: number;
  readonly leftOver: number;
  readonly sentPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly confirmedPerSecond: number;
  readonly deliveryMicroseconds?: Latency;
  readonly confirmMicroseconds?: Latency;
  readonly brokerMicrosecondsPerMessage: number;
  readonly generatorMicrosecondsPerMessage: number;
}

const sourceDirectory: string = join(benchDirectory, "load");
const program: string = join(benchDirectory, "build", "load");

/** Compiles the load generator with cc unless what was built is newer than every source file. */
export function buildGenerator(): void {
  const sources = readdirSync(sourceDirectory).map((name) => join(sourceDirectory, name));
  const builtAt = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (sources.every((source) => statSync(source).mtimeMs < builtAt)) return;
  const compiler = findExecutable("cc") ?? findExecutable("gcc") ?? findExecutable("clang");
  if (compiler === null)
    throw new Error("the load generator needs a C compiler (Debian: apt-get install gcc libc6-dev)");
  mkdirSync(join(benchDirectory, "build"), { recursive: true });
  execFileSync(compiler, ["-O2", "-o", program, ...sources.filter((source) => source.endsWith(".c"))], {
    stdio: "inherit",
  });
}

/** Runs the load generator against a peer; options as `load --help` has them, without the dashes. */
export async function load(peer: RunningPeer, options: LoadOptions): Promise<LoadResult> {
  const child = startGenerator(peer, options);
  const line = await firstLine(child);
  await exited(child);
  const result = parse<LoadResult>(line);
  if (result.outOfOrder > 0 || result.lost !== 0 || result.refused > 0) {
    throw new Error(`${result.lost} lost, ${result.outOfOrder} out of order, ${result.refused} refused`);
  }
  return result;
}

export type LoadOptions = Readonly<Record<string, string | number | true>>;

/** Whether these options want a peer that speaks STOMP too. */
export function speaksStomp(options: LoadOptions): boolean {
  return options["protocol"] === "stomp" || options["consumer-protocol"] === "stomp";
}

function portFlags(peer: RunningPeer, options: LoadOptions): string[] {
  const portOf = (protocol: LoadOptions[string] | undefined): string => {
    const port = protocol === "stomp" ? peer.place.stomp?.port : peer.place.port;
    if (port === undefined) throw new Error(`${peer.name} was started without STOMP`);
    return String(port);
  };
  const { protocol } = options;
  return ["--port", portOf(protocol), "--consumer-port", portOf(options["consumer-protocol"] ?? protocol)];
}

/** Opens idle connections, runs `whileOpen`, closes them. */
export async function holdIdleConnections<T>(
  peer: RunningPeer,
  count: number,
  whileOpen: () => Promise<T>,
): Promise<T> {
  const child = startGenerator(peer, { mode: "idle", idle: count, heartbeat: 60 });
  try {
    parse<object>(await firstLine(child));
    return await whileOpen();
  } finally {
    child.stdin.end();
    await exited(child);
  }
}

function startGenerator(peer: RunningPeer, options: LoadOptions): ChildProcessWithoutNullStreams {
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  const child = spawn(program, [...portFlags(peer, options), "--broker-pids", String(peer.processId), ...flags]);
  child.stderr.resume(); // the same text is in the JSON line
  return child;
}

async function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) return line;
  return '{"error":"the load generator printed nothing"}';
}

function exited(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
  });
}

function parse<T>(line: string): T {
  const value = JSON.parse(line) as T & { readonly error?: string };
  if (value.error !== undefined) throw new Error(value.error);
  return value;
}
