import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCommandLine } from "../src/command-line.ts";
import { type Config, kebabName, variableName } from "../src/config/config.ts";
import { configKeys, configNames } from "../src/config/config-keys.ts";
import { optionSource, resolveConfig, unknownVariables } from "../src/config/resolve-config.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jackalope-config-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function toml(text: string): string {
  const path = join(folder, "jackalope.toml");
  writeFileSync(path, text);
  return path;
}

function configOf(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Config {
  const commandLine = readCommandLine(args, variables);
  if (commandLine.kind === "done") throw new Error(`ended with ${commandLine.exitCode}`);
  return commandLine.config;
}

function refusal(args: readonly string[], variables: Readonly<Record<string, string>> = {}): string {
  try {
    configOf(args, variables);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("not refused");
}

describe("precedence", () => {
  test("a flag wins over a variable, a variable over the file, the file over the default", () => {
    const file = toml('amqp-port = 1\nmqtt-port = 2\nstomp-port = "off"\n');
    const variables = { JACKALOPE_AMQP_PORT: "3", JACKALOPE_MQTT_PORT: "4" };
    const config = configOf(["--config", file, "--amqp-port", "5"], variables);
    expect(config).toMatchObject({ amqpPort: 5, mqttPort: 4, stompPort: "off", managementPort: 15_672 });
  });

  test("without anything the defaults stand", () => {
    const config = configOf([]);
    for (const name of configNames) expect(config[name], name).toEqual(configKeys[name].default);
    expect(config).toMatchObject({ amqpPort: 5672, mqttPort: 1883, mqttWsPort: 15_675, bind: ["::"] });
    expect(config).toMatchObject({ stompPort: 61_613, stompWsPort: 15_674, managementPort: 15_672, store: "embedded" });
  });

  test("an empty variable counts as not set", () => {
    expect(configOf([], { JACKALOPE_AMQP_PORT: "" }).amqpPort).toBe(5672);
  });

  test("JACKALOPE_CONFIG names the file, and --config another one", () => {
    const variables = { JACKALOPE_CONFIG: toml("amqp-port = 7\n") };
    expect(configOf([], variables).amqpPort).toBe(7);
    expect(configOf(["--config", "/dev/null"], variables).amqpPort).toBe(5672);
  });

  test("TOML's own types are understood", () => {
    const file = toml(
      'bind = ["127.0.0.1", "::1"]\nrepair = true\nmemory-high-watermark = 0.5\nframe-max = 8192\nheartbeat = "30s"\n',
    );
    expect(configOf(["--config", file])).toMatchObject({
      bind: ["127.0.0.1", "::1"],
      repair: true,
      memoryHighWatermark: 0.5,
      frameMax: 8192,
      heartbeat: 30_000,
    });
  });

  test("every setting can be given in each way, in the words in which its default is shown", () => {
    for (const name of configNames) {
      const { kind, default: standard } = configKeys[name];
      const shown = (kind.format as (value: unknown) => string)(standard);
      const flag = kind.placeholder === null ? [] : [`--${kebabName(name)}`, shown];
      expect(configOf(flag)[name], name).toEqual(standard);
      expect(configOf([], { [variableName(name)]: shown })[name], name).toEqual(standard);
      expect(configOf(["--config", toml(`${kebabName(name)} = ${JSON.stringify(shown)}`)])[name], name).toEqual(
        standard,
      );
    }
    expect(configOf(["--repair"]).repair).toBe(true);
  });
});

describe("refusals", () => {
  test("name the key, the value, where it stands and what is allowed", () => {
    const allowed = "allowed: a port from 0 (any free one) to 65535, or off";
    expect(refusal(["--amqp-port", "70000"])).toBe(`amqp-port: "70000" is not allowed (flag --amqp-port); ${allowed}`);
    expect(refusal([], { JACKALOPE_AMQP_PORT: "on" })).toBe(
      `amqp-port: "on" is not allowed (variable JACKALOPE_AMQP_PORT); ${allowed}`,
    );
    const file = toml("amqp-port = 5672.5\n");
    expect(refusal(["--config", file])).toBe(`amqp-port: 5672.5 is not allowed (file ${file}); ${allowed}`);
    expect(() => resolveConfig([optionSource({ amqpPort: -1 })])).toThrow(
      `amqp-port: "-1" is not allowed (option amqpPort); ${allowed}`,
    );
  });

  test("all of them are told at once", () => {
    expect(refusal(["--sync", "sometimes", "--store", "floppy"]).split("\n")).toEqual([
      `store: "floppy" is not allowed (flag --store); allowed: ${configKeys.store.kind.allowed}`,
      'sync: "sometimes" is not allowed (flag --sync); allowed: always, interval, never',
    ]);
  });

  test("a weaker source with a bad value does not matter where a stronger one is set", () => {
    expect(configOf(["--amqp-port", "1"], { JACKALOPE_AMQP_PORT: "x" }).amqpPort).toBe(1);
  });

  test("a password is not shown", () => {
    const text = refusal(["--config", toml('default-password = ["secret"]\n')]);
    expect(text).toContain("default-password: the value is not allowed");
    expect(text).not.toContain("secret");
  });

  test("a key of the file that means nothing is named", () => {
    const file = toml("amqp-prot = 1\n");
    expect(refusal(["--config", file])).toContain(
      `amqp-prot: there is no such key (file ${file}); allowed: data-dir, `,
    );
  });

  test("a file that is not TOML is named with line and column", () => {
    const file = toml("amqp-port = 1\nbind = \n");
    expect(refusal(["--config", file])).toMatch(new RegExp(`^config: ${file}, line 2, column \\d+: `));
  });

  test("a file that is not there is named", () => {
    expect(refusal(["--config", join(folder, "none.toml")])).toContain(
      `config: cannot read ${folder}/none.toml: ENOENT`,
    );
  });
});

test("variables that begin like ours and mean nothing are found", () => {
  const variables = { JACKALOPE_AMQP_PROT: "1", JACKALOPE_AMQP_PORT: "1", JACKALOPE_CONFIG: "x", PATH: "y" };
  expect(unknownVariables(variables)).toEqual(["JACKALOPE_AMQP_PROT"]);
});

test("options of createBroker may be numbers or text", () => {
  const config = resolveConfig([
    optionSource({ heartbeat: 1500, handshakeTimeout: "2s", maxMessageSize: "1KiB", frameMax: 5000 }),
  ]);
  expect(config).toMatchObject({ heartbeat: 1500, handshakeTimeout: 2000, maxMessageSize: 1024, frameMax: 5000 });
});
