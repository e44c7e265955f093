import { type ChildProcess, spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { waitFor } from "./waiting.ts";

/** How a program ended, and what it wrote. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until the program is killed, which fails the test. Default: 45 s. */
  readonly boundMs?: number;
}

/** A program that runs until the test ends it. */
export class RunningCommand {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #line: string;
  /** Ended, with everything read that it wrote: it ends before its pipes do. */
  readonly #closed: Promise<void>;

  constructor(child: ChildProcess, line: string) {
    this.child = child;
    this.#line = line;
    this.#closed = new Promise((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    child.on("error", (error) => (this.stderr += `cannot run: ${error.message}`));
    // A program that ends before it has read everything is judged by its status.
    child.stdin?.on("error", () => undefined);
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  /** Waits until `pattern` is in the standard output, or in the standard error. */
  async says(pattern: RegExp, boundMs = 30_000): Promise<void> {
    const said = await waitFor(
      `${pattern.source} from ${this.#line}`,
      () => (pattern.test(this.stdout) || pattern.test(this.stderr) ? "said" : this.ended && "ended"),
      boundMs,
    ).catch((error: unknown) => Promise.reject(this.#explain((error as Error).message)));
    if (said === "ended") throw this.#explain(`ended without saying ${pattern.source}`);
  }

  /** Waits for the end. */
  async result(boundMs = 45_000): Promise<CommandResult> {
    const killer = setTimeout(() => this.child.kill("SIGKILL"), boundMs);
    await this.#closed;
    clearTimeout(killer);
    if (this.child.signalCode === "SIGKILL") throw this.#explain(`did not end within ${boundMs} ms`);
    return { status: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  #explain(what: string): Error {
    return new Error(`${this.#line}: ${what}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`);
  }
}

/** Starts a program; it is killed at the end of the test where it is still there. */
export function startCommand(
  command: string,
  args: readonly string[],
  { input, env, cwd }: CommandOptions = {},
): RunningCommand {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const running = new RunningCommand(child, [command, ...args].join(" "));
  child.stdin.end(input);
  onTestFinished(() => {
    if (!running.ended) child.kill("SIGKILL");
  });
  return running;
}

/** Runs a program to its end. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return startCommand(command, args, options).result(options.boundMs);
}

/** Runs a program that has to end with status 0, and returns what it wrote to its standard output. */
export async function succeed(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command, args, options);
  if (status === 0) return stdout;
  throw new Error(`${[command, ...args].join(" ")} ended with ${status}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`);
}
