import { freePort } from "@jackalope/testkit/free-port";
import { RedisProcess } from "@jackalope/testkit/redis-process";
import { onTestFinished } from "vitest";
import { temporaryDataDir } from "./broker-process.ts";
import { waitFor } from "./waiting.ts";

const durability = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/** A redis-server of the test's own, with everything on disk before it answers. */
export class RedisServer extends RedisProcess {
  constructor(port: number, directory: string) {
    super(port, directory, ["--port", String(port), ...durability]);
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

  /** One that does not run yet. */
  static async prepare(): Promise<RedisServer> {
    return new RedisServer(await freePort(), await temporaryDataDir());
  }

  /** Starts it, or starts it again; resolves when it serves. */
  async run(): Promise<void> {
    this.launch();
    await waitFor("redis-server to serve", async () => (await this.ask("PING").catch(() => "")) === "+PONG");
  }

  /** It answers nothing any more, until it is killed. */
  pause(): void {
    this.signal("SIGSTOP");
  }

  async #isOwn(): Promise<boolean> {
    const script = "return tonumber(string.match(redis.call('INFO', 'server'), 'process_id:(%d+)'))";
    return (await this.ask("EVAL", script, "0")) === `:${this.pid}`;
  }
}
