import { type RunningCommand, startCommand, succeed } from "./command.ts";
import { requireCommand } from "./debian-programs.ts";
import { type MqttAddress, type MqttVersion } from "./mqtt-target.ts";

const versionFlags: Readonly<Record<MqttVersion, string>> = { 3: "mqttv31", 4: "mqttv311", 5: "mqttv5" };

/** Fails, and names the Debian package, where mosquitto_pub and mosquitto_sub are missing. */
export function requireMosquittoClients(): void {
  requireCommand("mosquitto_pub", "mosquitto-clients");
  requireCommand("mosquitto_sub", "mosquitto-clients");
}

function commonArguments({ host, port, username, password }: MqttAddress, version: MqttVersion): readonly string[] {
  return ["-h", host, "-p", String(port), "-u", username, "-P", password, "-V", versionFlags[version]];
}

/** Publishes with mosquitto_pub, and waits until it is done. `input` is its standard input. */
export async function mosquittoPublish(
  address: MqttAddress,
  version: MqttVersion,
  args: readonly string[],
  input?: string,
): Promise<void> {
  const options = input === undefined ? {} : { input };
  await succeed("mosquitto_pub", [...commonArguments(address, version), ...args], options);
}

/** Tells what is the program's own output from what `-d` adds. */
const mark = "> ";

/** Starts mosquitto_sub and waits until its subscriptions are acknowledged. It prints messages in `format`. */
export async function mosquittoSubscribe(
  address: MqttAddress,
  version: MqttVersion,
  args: readonly string[],
  format = "%q %r %t %p",
): Promise<RunningCommand> {
  const running = startSubscriber(address, version, [...args, "-d"], format);
  await running.says(/^Subscribed \(mid: /m);
  return running;
}

/** Runs mosquitto_sub until it ends by itself, and returns the messages that it printed. */
export async function mosquittoReceive(
  address: MqttAddress,
  version: MqttVersion,
  args: readonly string[],
): Promise<readonly string[]> {
  return printedBy(startSubscriber(address, version, args, "%q %r %t %p"));
}

function startSubscriber(
  address: MqttAddress,
  version: MqttVersion,
  args: readonly string[],
  format: string,
): RunningCommand {
  const common = [...commonArguments(address, version), "-F", mark + format];
  return startCommand("stdbuf", ["-oL", "mosquitto_sub", ...common, ...args]);
}

/** The messages that mosquitto_sub has printed, as soon as it has ended by itself (`-C`). */
export async function printedBy(running: RunningCommand): Promise<readonly string[]> {
  const { stdout } = await running.result();
  const lines = stdout.split("\n").filter((line) => line.startsWith(mark));
  return lines.map((line) => line.slice(mark.length));
}
