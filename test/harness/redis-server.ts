import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { freePort } from "@jackalope/testkit/free-port";
import { onTestFinished } from "vitest";
import { temporaryDataDir } from "./broker-process.ts";
import { once, waitFor } from "./waiting.ts";

/** A redis-server of the test's own, with everything on disk before it answers. */
export class RedisServer {
  readonly port: number;
  readonly #directory: string;
  #child: ChildProcess | null = null;

  constructor(port: number, directory: string) {
    this.port = port;
    this.#directory = directory;
    onTestFinished(() => this.kill());
  }

  /** One that runs. */
  static async start(): Promise<RedisServer> {
    for (;;) {
      const server = await RedisServer.prepare();
      await server.run();
      // Two test files may be given the same free port: what answers is the server of the other one then.
      if (await server.#isOwn()) return server;
      await server.kill();
    }
  }

  async #isOwn(): Promise<boolean> {
    const script = "return tonumber(string.match(redis.call('INFO', 'server'), 'process_id:(%d+)'))";
    return (await this.ask("EVAL", script, "0")) === `:${this.#child?.pid ?? 0}`;
  }

  /** One that does not run yet. */
  static async prepare(): Promise<RedisServer> {
    return new RedisServer(await freePort(), await temporaryDataDir());
  }

  get address(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** Starts it, or starts it again; resolves when it serves. */
  async run(): Promise<void> {
    const place = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#directory];
    const durability = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
    this.#child = spawn("redis-server", [...place, ...durability], { stdio: "ignore" });
    await waitFor("redis-server to serve", async () => (await this.ask("PING").catch(() => "")) === "+PONG");
  }

  /** It answers nothing any more, until it is killed. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once<void>("the end of redis-server", (happened) => child.once("exit", () => happened()));
    child.kill("SIGKILL");
    await gone;
  }

  /** Sends one command and returns the first line of the answer. */
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
