import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { type Config, kebabName } from "./config.ts";
import { configNames } from "./config-keys.ts";
import { ConfigError, type ConfigSource } from "./resolve-config.ts";

/** Reads a TOML file. Throws ConfigError where it cannot be read, is not TOML, or has a key that means nothing. */
export function fileSource(path: string): ConfigSource {
  const table = parseToml(path, readText(path));
  const namesByKey = new Map(configNames.map((name) => [kebabName(name), name]));
  const errors: string[] = [];
  const values: Partial<Record<keyof Config, unknown>> = {};
  for (const [key, value] of Object.entries(table)) {
    const name = namesByKey.get(key);
    if (name === undefined)
      errors.push(`${key}: there is no such key (file ${path}); allowed: ${[...namesByKey.keys()].join(", ")}`);
    else values[name] = value;
  }
  if (errors.length > 0) throw new ConfigError(errors);
  return { values, place: () => `file ${path}` };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError([`config: cannot read ${path}: ${(error as Error).message}`]);
  }
}

function parseToml(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0];
    throw new ConfigError([`config: ${path}, line ${error.line}, column ${error.column}: ${reason}`]);
  }
}
