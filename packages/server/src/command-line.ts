import { Command, type CommanderError } from "commander";
import { type Config, kebabName } from "./config/config.ts";
import { fileSource } from "./config/config-file.ts";
import { configKeys, configNames } from "./config/config-keys.ts";
import { serverVersion } from "./server-version.ts";
import { flagSource, resolveConfig, variableSource } from "./config/resolve-config.ts";

/** What a command line asks for: a broker, or only what was printed already (help, version, a misuse). */
export type CommandLine =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "done"; readonly exitCode: number };

/**
 * Reads the arguments after `node jackalope` together with the environment and the file they name. Throws ConfigError
 * where a setting is not allowed.
 */
export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const command = jackalopeCommand();
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    return { kind: "done", exitCode: error.exitCode };
  }
  const { config: path = environment.JACKALOPE_CONFIG, ...flags } = command.opts<{ config?: string }>();
  const sources = [flagSource(flags), variableSource(environment)];
  if (path !== undefined && path !== "") sources.push(fileSource(path));
  return { kind: "run", config: resolveConfig(sources) };
}

/** The command with a flag for every setting. Defaults are in the descriptions only: the merge needs to see what is set. */
function jackalopeCommand(): Command {
  const command = new Command("jackalope")
    .description(
      "A message broker for MQTT, STOMP and AMQP 0-9-1. Every flag is also a key of the file and a JACKALOPE_* variable.",
    )
    .version(serverVersion)
    .option("--config <FILE>", "TOML file with settings");
  for (const name of configNames) {
    const { kind, default: standard, description } = configKeys[name];
    const value = kind.placeholder === null ? "" : ` <${kind.placeholder}>`;
    const format = kind.format as (value: unknown) => string;
    const firstSentence = /^.*?\.(?= |$)/s.exec(description)?.[0] ?? description;
    command.option(`--${kebabName(name)}${value}`, `${firstSentence} Default: ${format(standard)}`);
  }
  return command.allowExcessArguments(false).exitOverride();
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && "exitCode" in error && "code" in error;
}
