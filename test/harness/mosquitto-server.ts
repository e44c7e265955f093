import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type RunningCommand, startCommand } from "./command.ts";
import type { MqttAddress } from "./mqtt-target.ts";
import { once } from "./waiting.ts";

/** Debian puts it where the PATH of users does not look. */
const debianPath = "/usr/sbin/mosquitto";

/** A mosquitto that ends with the test. */
export interface MosquittoServer extends MqttAddress {
  readonly running: RunningCommand;
}

/** Starts mosquitto with these lines in its configuration, and waits until it listens. */
export async function startMosquitto(lines: readonly string[]): Promise<MosquittoServer> {
  const folder = await mkdtemp(join(tmpdir(), "jackalope-mosquitto-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  // As root it would become another user, who cannot read the folder.
  const common = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", "user root"];
  const file = join(folder, "mosquitto.conf");
  await writeFile(file, `${[...common, ...lines].join("\n")}\n`);
  const running = startCommand(existsSync(debianPath) ? debianPath : "mosquitto", ["-v", "-c", file]);
  await running.says(/mosquitto version \S+ running/);
  return { host: "127.0.0.1", port, username: "guest", password: "guest", running };
}

/** mosquitto takes no port 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await once<number>("a free port", (happened) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      happened(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  await once<void>("the end of the listener", (happened) => server.close(() => happened()));
  return port;
}
