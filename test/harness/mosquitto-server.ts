import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@jackalope/testkit/free-port";
import { type RunningCommand, startCommand } from "./command.ts";
import type { MqttAddress } from "./mqtt-target.ts";
import { folderOfTest } from "./temporary-folder.ts";

/** Debian puts it where the PATH of users does not look. */
const debianPath = "/usr/sbin/mosquitto";

/** A mosquitto that ends with the test. */
export interface MosquittoServer extends MqttAddress {
  readonly running: RunningCommand;
}

/** Starts mosquitto with these lines in its configuration, and waits until it listens. */
export async function startMosquitto(lines: readonly string[]): Promise<MosquittoServer> {
  const folder = await folderOfTest("jackalope-mosquitto-");
  // It takes no port 0.
  const port = await freePort();
  // As root it would become another user, who cannot read the folder.
  const common = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", "user root"];
  const file = join(folder, "mosquitto.conf");
  await writeFile(file, `${[...common, ...lines].join("\n")}\n`);
  const running = startCommand(existsSync(debianPath) ? debianPath : "mosquitto", ["-v", "-c", file]);
  await running.says(/mosquitto version \S+ running/);
  return { host: "127.0.0.1", port, username: "guest", password: "guest", running };
}
