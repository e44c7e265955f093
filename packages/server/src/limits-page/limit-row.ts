import { type Config, kebabName } from "../config/config.ts";
import { configKeys } from "../config/config-keys.ts";
import { bytes, duration } from "../config/value-kinds.ts";

/** What docs/limits.md says of one limit. Name, default and unit come from the code. */
export interface LimitRow {
  /** What is counted, where, and against whom: "queues of a virtual host". */
  readonly counts: string;
  /** What happens there, in each protocol's words where they differ. */
  readonly atBound: string;
  /** The setting that sets it. Its default must be that of the limit. Default: none, an option of the code. */
  readonly setting?: keyof Config;
  /** Stands for the default where a number would not tell it. */
  readonly shown?: string;
}

/** Rows for every limit of `Limits`: the compiler asks for the one that is missing. */
export type LimitRows<Limits> = { readonly [Name in keyof Limits]-?: LimitRow };

/** Limits by name, as the code has them. The unit is the end of the name, as everywhere. */
type LimitValues = Readonly<Record<string, number>>;

const tableHead = "| limit | default | what it counts | what happens there |\n|---|---|---|---|\n";

/** A table of limits in the order of `rows`. Throws where a setting has another default than the limit that it sets. */
export function limitTable(rows: Readonly<Record<string, LimitRow>>, values: LimitValues): string {
  const lines = Object.entries(rows).map(([name, row]) => tableLine(name, row, values[name]));
  return tableHead + lines.join("");
}

/** A line for a setting that is no member of a limits table. */
export function settingTable(rows: readonly (LimitRow & { readonly setting: keyof Config })[]): string {
  const lines = rows.map((row) => {
    const { kind, default: standard } = configKeys[row.setting];
    const format = kind.format as (value: unknown) => string;
    return line(kebabName(row.setting), row.shown ?? spaced(format(standard), ""), row);
  });
  return tableHead + lines.join("");
}

function tableLine(name: string, row: LimitRow, value: number | undefined): string {
  if (value === undefined) throw new Error(`no limit is called ${name}`);
  if (row.setting !== undefined) requireSameDefault(name, value, row.setting);
  return line(row.setting === undefined ? name : kebabName(row.setting), row.shown ?? shownValue(name, value), row);
}

function line(name: string, shown: string, { counts, atBound }: LimitRow): string {
  return `| \`${name}\` | ${shown} | ${counts} | ${atBound} |\n`;
}

/** Settings of a time are milliseconds, whatever the limit has. */
function requireSameDefault(name: string, value: number, setting: keyof Config): void {
  const expected = name.includes("Seconds") ? value * 1000 : value;
  if (configKeys[setting].default === expected) return;
  throw new Error(`${name} is ${value}, and the setting ${setting} has another default`);
}

function shownValue(name: string, value: number): string {
  if (/Bytes(Max|Min)?$/.test(name)) return spaced(bytes(0).format(value), " bytes");
  if (/Ms(Max|Min)?$/.test(name)) return shownDuration(value);
  if (/Seconds(Max|Min)?$/.test(name)) return shownDuration(value * 1000);
  return value.toLocaleString("en-US");
}

/** Short times are seconds: "90 s" beside "60 s", not "1 m". */
function shownDuration(ms: number): string {
  if (ms >= 1000 && ms < 600_000 && ms % 1000 === 0) return `${ms / 1000} s`;
  return spaced(duration(0, Number.MAX_SAFE_INTEGER).format(ms), " ms");
}

/** "16MiB" as people write it: "16 MiB". */
function spaced(text: string, unitOfNone: string): string {
  return /^\d+$/.test(text)
    ? `${Number(text).toLocaleString("en-US")}${unitOfNone}`
    : text.replace(/(\d)([A-Za-z])/, "$1 $2");
}
