import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";

/** A redis-server on 127.0.0.1 with its data in a folder of its own. It can be killed and started on them again. */
export class RedisProcess {
  readonly port: number;
  readonly directory: string;
  readonly #arguments: readonly string[];
  #child: ChildProcess | null = null;

  /** `args` are as on the command line of redis-server, the port among them. */
  constructor(port: number, directory: string, args: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#arguments = [...args, "--bind", "127.0.0.1", "--dir", directory];
  }

  get address(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** 0 before the first start. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and does not wait for it. */
  launch(): void {
    this.#child = spawn("redis-server", this.#arguments, { stdio: "ignore" });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** kill -9, or another signal that ends it. Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    if (signal !== "SIGKILL") child.kill("SIGCONT");
    await gone;
  }

  /** Sends one command and returns the first line of the answer. Rejects where nobody listens. */
  ask(...words: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1", () => {
        const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
        socket.write(`*${words.length}\r\n${parts.join("")}`);
      });
      let text = "";
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const end = text.indexOf("\r\n");
        if (end < 0) return;
        socket.destroy();
        resolve(text.slice(0, end));
      });
      socket.on("error", reject);
    });
  }
}
