import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const STOP_TIMEOUT_MS = 30_000;

export interface ProcessOptions {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes standard output and standard error. */
  readonly logFile: string;
}

const running = new Set<StartedProcess>();
process.on("exit", () => {
  for (const each of running) each.signal("SIGKILL");
});

/** A process of ours: started with as many open files as the system allows, stopped by its id and by nothing else. */
export class StartedProcess {
  readonly id: number;
  private readonly child: ChildProcess;
  private readonly logFile: string;
  private readonly exit: Promise<void>;

  constructor(options: ProcessOptions) {
    const log = openSync(options.logFile, "a");
    // A shell raises the soft limit on open files, then becomes the command: the id stays the same.
    const script = 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"';
    this.child = spawn("/bin/sh", ["-c", script, options.command, ...options.arguments], {
      env: options.environment ?? process.env,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    if (this.child.pid === undefined) throw new Error(`could not start ${options.command}`);
    this.id = this.child.pid;
    this.logFile = options.logFile;
    this.exit = new Promise((resolve) => {
      this.child.once("exit", () => {
        running.delete(this);
        resolve();
      });
    });
    running.add(this);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.hasExited) this.child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that was not obeyed in 30 s. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    const timer = new AbortController();
    const stopped = await Promise.race([
      this.exit.then(() => true),
      sleep(STOP_TIMEOUT_MS, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (!stopped) await this.kill();
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exit;
  }

  /** The end of what it printed, for an error message. */
  async lastWords(): Promise<string> {
    return (await readFile(this.logFile, "utf8")).trimEnd().split("\n").slice(-8).join("\n");
  }
}
