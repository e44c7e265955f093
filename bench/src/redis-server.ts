import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { findExecutable } from "./executable.ts";
import { freePort } from "./free-port.ts";
import { answers, serverReady } from "./server-ready.ts";
import { StartedProcess } from "./started-process.ts";

const ANSWER_TIMEOUT_MS = 5_000;
const PING = Buffer.from("PING\r\n");
/** What is answered is in the append-only file, which is synced every second; no snapshots beside it. */
const settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];

/** The version of the redis-server that is installed, or null. */
export function redisVersion(): string | null {
  const command = findExecutable("redis-server");
  if (command === null) return null;
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return /v=(\S+)/.exec(stdout)?.[1] ?? "";
}

/** A redis-server of the bench's own, on a free port of 127.0.0.1, in a folder of its own. */
export class RedisServer {
  readonly port: number;
  private readonly process: StartedProcess;

  private constructor(port: number, started: StartedProcess) {
    this.port = port;
    this.process = started;
  }

  static async start(directory: string): Promise<RedisServer> {
    mkdirSync(directory, { recursive: true });
    const port = await freePort();
    const started = new StartedProcess({
      command: findExecutable("redis-server") ?? "redis-server",
      arguments: ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, ...settings],
      logFile: join(directory, "redis.log"),
    });
    await serverReady(started, () => answers(port, PING, (bytes) => bytes.toString().startsWith("+PONG")));
    return new RedisServer(port, started);
  }

  get processId(): number {
    return this.process.id;
  }

  /** What `--store` of a broker wants. */
  get address(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** A figure of INFO. */
  async figure(name: string): Promise<number> {
    const info = await this.ask("INFO all");
    const found = new RegExp(`^${name}:([\\d.]+)`, "m").exec(info);
    if (found === null) throw new Error(`Redis' INFO has no ${name}`);
    return Number(found[1]);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }

  /** One command in a line; the answer as it comes until the connection is closed. */
  private ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(this.port, "127.0.0.1", () => socket.write(`${command}\r\nQUIT\r\n`));
      socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("Redis does not answer")));
      socket.once("error", reject);
      socket.once("close", () => resolve(answer));
    });
  }
}
