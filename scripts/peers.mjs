// Other people's programs that tests talk to. `npm test` finds them, installs them where it may, or names them and fails;
// it never goes on without them.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian's own Python before another one that is earlier in the path: apt-get installs modules for that one alone. */
const interpreters = ["/usr/bin/python3", "python3"];

/** What the tests need beside npm packages: the Debian package, and how to see that it is there. */
const peers = [
  { debian: "python3-pika", present: () => hasPythonModule("pika") },
  { debian: "python3-kombu", present: () => hasPythonModule("kombu") },
  { debian: "celery", present: () => hasPythonModule("celery") && hasCommand("celery") },
  { debian: "amqp-tools", present: () => hasCommand("amqp-publish") && hasCommand("amqp-get") },
  { debian: "python3-stomp", present: () => hasPythonModule("stomp") },
  { debian: "libnet-stomp-perl", present: () => hasPerlModule("Net::Stomp") },
  { debian: "mosquitto", present: () => hasCommand("mosquitto") || isExecutable("/usr/sbin/mosquitto") },
  { debian: "mosquitto-clients", present: () => hasCommand("mosquitto_pub") && hasCommand("mosquitto_sub") },
  { debian: "python3-paho-mqtt", present: () => hasPythonModule("paho.mqtt.client") },
  { debian: "redis-server", present: () => hasCommand("redis-server") },
  { debian: "chromium", present: () => isExecutable("/usr/bin/chromium") },
];

/** Returns once every peer is there; exits the process with their names otherwise. */
export function providePeers() {
  let missing = missingPeers();
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version") && hasCommand("apt-get")) {
    console.error(`Installing with apt-get: ${missing.join(" ")}`);
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...missing);
    missing = missingPeers();
    if (missing.length === 0) return;
  }
  console.error(`The tests need programs that are not here (names of Debian packages): ${missing.join(" ")}`);
  process.exit(1);
}

function missingPeers() {
  return peers.filter((peer) => !peer.present()).map((peer) => peer.debian);
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // A failed update may leave lists that still serve; whether the package came is looked at afterwards.
  spawnSync("apt-get", args, { env, stdio: ["ignore", 2, 2] });
}

function hasPythonModule(name) {
  const program = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${name}") is None)`;
  return interpreters.some((python) => spawnSync(python, ["-c", program], { stdio: "ignore" }).status === 0);
}

function hasPerlModule(name) {
  return spawnSync("/usr/bin/perl", [`-M${name}`, "-e", "1"], { stdio: "ignore" }).status === 0;
}

function hasCommand(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
