import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, closeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { until } from "../waiting.ts";
import { freePort } from "@jackalope/testkit/free-port";

const startMs = 30_000;
const answerMs = 2000;
/** What was answered is on the disk: kill -9 loses nothing of it. */
const settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/** A redis-server of the soak's own, on a free port, in a folder of its own. */
export class RedisProcess {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(folder: string): Promise<RedisProcess> {
    mkdirSync(folder, { recursive: true });
    const redis = new RedisProcess(await freePort(), folder);
    await redis.start();
    return redis;
  }

  /** Starts it on its data; resolves when it answers, with everything loaded. */
  async start(): Promise<void> {
    const log = openSync(join(this.#folder, "redis.log"), "a");
    const place = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const child = spawn("redis-server", [...place, ...settings], { stdio: ["ignore", log, log] });
    closeSync(log);
    let failure: Error | null = null;
    child.on("error", (error) => (failure = error));
    this.#child = child;
    const answers = async (): Promise<boolean> => {
      if (failure !== null) throw new Error(`cannot run redis-server (Debian: redis-server): ${failure.message}`);
      return (await this.ask("PING").catch(() => "")) === "+PONG";
    };
    await until("redis-server to answer", answers, startMs);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** One command in a line; the first line of the answer. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1", () => socket.write(`${command}\r\n`));
      socket.setTimeout(answerMs, () => socket.destroy(new Error("Redis does not answer")));
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("Redis has closed the connection")));
      socket.once("data", (data) => {
        resolve(data.toString().split("\r\n")[0] ?? "");
        socket.destroy();
      });
    });
  }
}
