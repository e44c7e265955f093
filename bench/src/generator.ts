import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { benchDirectory } from "./checkout.ts";
import { findExecutable } from "./executable.ts";
import type { PeerFeatures } from "./bench.ts";
import type { RunningPeer } from "./peer.ts";

/** Percentiles in microseconds. */
export interface Latency {
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
  /** Of the server that keeps the store, where there is one. */
  readonly storeMicrosecondsPerMessage?: number;
  readonly generatorMicrosecondsPerMessage: number;
}

const sourceDirectory: string = join(benchDirectory, "load");
const NOTHING_PRINTED = '{"error":"the load generator printed nothing"}';
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
  const result = await runGenerator<LoadResult>(peer, options);
  if (result.outOfOrder > 0 || result.lost !== 0 || result.refused > 0) {
    throw new Error(`${result.lost} lost, ${result.outOfOrder} out of order, ${result.refused} refused`);
  }
  return result;
}

export type LoadOptions = Readonly<Record<string, string | number | true>>;

/** Runs the load generator in a mode that has a result of its own, such as `connect`. */
export async function runGenerator<T extends object>(peer: RunningPeer, options: LoadOptions): Promise<T> {
  const child = startGenerator(peer, options);
  const line = await linesOf(child).next();
  await exited(child);
  return parse<T>(line.value ?? NOTHING_PRINTED);
}

/** The protocols beside AMQP that these options want of a peer. */
export function featuresOf(options: LoadOptions): PeerFeatures {
  const protocols = [options["protocol"], options["consumer-protocol"]];
  return { stomp: protocols.includes("stomp"), mqtt: protocols.includes("mqtt") };
}

function portFlags(peer: RunningPeer, options: LoadOptions): string[] {
  const { port: amqp, stomp, mqttPort } = peer.place;
  const portOf = (name: LoadOptions[string] | undefined): string => {
    const port = name === "stomp" ? stomp?.port : name === "mqtt" ? mqttPort : amqp;
    if (port === undefined) throw new Error(`${peer.name} was started without ${name}`);
    return String(port);
  };
  const { protocol } = options;
  return ["--port", portOf(protocol), "--consumer-port", portOf(options["consumer-protocol"] ?? protocol)];
}

/** Opens idle connections, runs `whileOpen`, makes sure that every one of them still answers, and closes them. */
export async function holdIdleConnections<T>(
  peer: RunningPeer,
  count: number,
  whileOpen: () => Promise<T>,
  options: LoadOptions = { heartbeat: 60 },
): Promise<T> {
  const child = startGenerator(peer, { mode: "idle", idle: count, ...options });
  const lines = linesOf(child);
  let result: T;
  try {
    parse<object>((await lines.next()).value ?? NOTHING_PRINTED);
    result = await whileOpen();
  } catch (error) {
    child.kill();
    throw error;
  }
  child.stdin.end();
  const last = await lines.next();
  await exited(child);
  if (last.done !== true) parse<object>(last.value); // the error of a connection that was dropped
  return result;
}

function startGenerator(peer: RunningPeer, options: LoadOptions): ChildProcessWithoutNullStreams {
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  const processes = ["--broker-pids", String(peer.processId)];
  if (peer.storeProcessId !== undefined) processes.push("--store-pids", String(peer.storeProcessId));
  const child = spawn(program, [...portFlags(peer, options), ...processes, ...flags]);
  child.stderr.resume(); // the same text is in the JSON line
  return child;
}

function linesOf(child: ChildProcessWithoutNullStreams): AsyncIterator<string, undefined> {
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
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
