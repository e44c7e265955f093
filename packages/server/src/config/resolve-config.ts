import { type Config, kebabName, variableName } from "./config.ts";
import { configKeys, configNames } from "./config-keys.ts";
import type { ValueKind } from "./value-kinds.ts";

/** Settings whose values are not shown. */
const secrets = new Set<keyof Config>([
  "defaultPassword",
  "mqttAnonymousPassword",
  "stompAnonymousPassword",
  "redisSentinelPassword",
]);

/** Settings that may not be; `message` has a line for each, fit for a person. */
export class ConfigError extends Error {
  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "ConfigError";
  }
}

/** One place that settings come from, with values not yet checked. */
export interface ConfigSource {
  /** Where a value stands, for errors: `flag --amqp-port`. */
  readonly place: (name: keyof Config) => string;
  readonly values: { readonly [Name in keyof Config]?: unknown };
}

/** Flags as commander gives them. */
export function flagSource(values: ConfigSource["values"]): ConfigSource {
  return { values, place: (name) => `flag --${kebabName(name)}` };
}

/** `JACKALOPE_*` variables. An empty one counts as not set, which is how compose files leave a variable out. */
export function variableSource(environment: Readonly<Record<string, string | undefined>>): ConfigSource {
  const set = configNames.filter((name) => (environment[variableName(name)] ?? "") !== "");
  const values = Object.fromEntries(set.map((name) => [name, environment[variableName(name)]]));
  return { values, place: (name) => `variable ${variableName(name)}` };
}

/** Options of `createBroker`. Numbers are what `Config` says (bytes, milliseconds); text is read as in a file. */
export function optionSource(values: ConfigSource["values"]): ConfigSource {
  const given = configNames.filter((name) => values[name] !== undefined);
  const texts = given.map((name) => [name, optionText(configKeys[name].kind, values[name])]);
  return { values: Object.fromEntries(texts), place: (name) => `option ${name}` };
}

function optionText(kind: Pick<ValueKind<never>, "format">, value: unknown): unknown {
  return typeof value === "number" ? kind.format(value as never) : value;
}

/**
 * Merges `sources`, the strongest first, over the defaults and checks what they say. Throws ConfigError with a line for
 * each bad value: the key, the value, where it stands and what is allowed.
 */
export function resolveConfig(sources: readonly ConfigSource[]): Config {
  const errors: string[] = [];
  const entries = configNames.map((name) => [name, valueOf(name, sources, errors)]);
  if (errors.length > 0) throw new ConfigError(errors);
  return Object.fromEntries(entries) as Config;
}

/** The names of the variables that begin like ours and mean nothing: most likely misspelt. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = new Set(["JACKALOPE_CONFIG", ...configNames.map(variableName)]);
  return Object.keys(environment).filter((name) => name.startsWith("JACKALOPE_") && !known.has(name));
}

function valueOf(name: keyof Config, sources: readonly ConfigSource[], errors: string[]): unknown {
  const { kind, default: standard } = configKeys[name];
  for (const source of sources) {
    const raw = source.values[name];
    if (raw === undefined) continue;
    const result = kind.schema.safeParse(raw);
    if (result.success) return result.data;
    const shown = secrets.has(name) ? "the value" : withoutCredentials(JSON.stringify(raw));
    errors.push(`${kebabName(name)}: ${shown} is not allowed (${source.place(name)}); allowed: ${kind.allowed}`);
    return undefined;
  }
  return standard;
}

/** An address may be wrong and have a password in it all the same. */
function withoutCredentials(text: string): string {
  return text.replace(/\/\/.*@/, "//…@");
}
