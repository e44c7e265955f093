import { isIP } from "node:net";
import { z } from "zod";
import type { Port, Watermark } from "./config.ts";

/**
 * A kind of value: how it is read from text (flags, variables) or from a TOML value, and how it is written for people.
 * Where `schema` refuses, the error quotes `allowed`; zod's own messages are never shown.
 */
export interface ValueKind<Value> {
  readonly schema: z.ZodType<Value>;
  /** Follows "allowed: ". */
  readonly allowed: string;
  /** Stands behind the flag in the help text; null for a flag without a value. */
  readonly placeholder: string | null;
  /** As a user would write it. */
  readonly format: (value: Value) => string;
}

const byteUnits = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1000],
  ["mb", 1000 ** 2],
  ["gb", 1000 ** 3],
  ["tb", 1000 ** 4],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
  ["tib", 1024 ** 4],
]);

const durationUnitsMs = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** Integers written as digits; a TOML integer passes as it is. */
const integerSchema: z.ZodType<number> = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);

/** `1048576`, `64MiB`, `50 MB`: bytes. */
const bytesSchema: z.ZodType<number> = quantitySchema(byteUnits);

const fractionSchema: z.ZodType<number> = z.union([
  z.number(),
  z
    .string()
    .regex(/^(0?\.\d+|1(\.0+)?|0(\.0+)?)$/)
    .transform(Number),
]);

/** A number of some unit, as a whole number of the smallest one. */
function quantitySchema(units: ReadonlyMap<string, number>): z.ZodType<number> {
  const text = z.string().transform((value, context) => {
    const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]*)$/i.exec(value.trim());
    const number = Number(match?.[1]);
    // Nothing is nothing in every unit.
    const unit = number === 0 ? 1 : units.get(match?.[2]?.toLowerCase() ?? "none");
    if (match === null || unit === undefined) {
      context.addIssue({ code: "custom", message: "not a quantity" });
      return z.NEVER;
    }
    return Math.round(number * unit);
  });
  return units.has("") ? z.union([z.int().nonnegative(), text]) : z.union([z.literal(0), text]);
}

/** Any text but the empty one. */
export function text(placeholder: string, allowed: string): ValueKind<string> {
  return { schema: z.string().min(1), allowed, placeholder, format: (value) => value };
}

/** Text of a given form. */
export function textLike(pattern: RegExp, placeholder: string, allowed: string): ValueKind<string> {
  return { schema: z.string().regex(pattern), allowed, placeholder, format: (value) => value };
}

/** One of a few words. */
export function choice<const Word extends string>(...words: [Word, ...Word[]]): ValueKind<Word> {
  return { schema: z.enum(words), allowed: words.join(", "), placeholder: words.join("|"), format: (value) => value };
}

/** A switch: a flag without a value, `true` or `false` elsewhere. */
export function onOff(): ValueKind<boolean> {
  const schema = z.union([z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")]);
  return { schema, allowed: "true, false", placeholder: null, format: String };
}

/** A port, or off. */
export function port(): ValueKind<Port> {
  return {
    schema: z.union([z.literal("off"), integerSchema.refine((value) => value >= 0 && value <= 65_535)]),
    allowed: "a port from 0 (any free one) to 65535, or off",
    placeholder: "N|off",
    format: String,
  };
}

/** IP addresses to listen on. */
export function addresses(): ValueKind<readonly string[]> {
  const address = z.string().refine((value) => isIP(value) !== 0);
  const listed = z.string().transform((value) => value.split(",").map((part) => part.trim()));
  return {
    schema: z.union([listed, z.array(z.string())]).pipe(z.array(address).min(1)),
    allowed: "IP addresses, several with commas between them; :: is every address, IPv6 and IPv4",
    placeholder: "ADDR",
    format: (value) => value.join(","),
  };
}

/** Origins of web pages; none is all. */
export function origins(): ValueKind<readonly string[]> {
  const origin = z.string().refine((value) => URL.canParse(value) && new URL(value).origin === value);
  const listed = z.string().transform((value) => (value === "all" ? [] : value.split(",").map((part) => part.trim())));
  return {
    schema: z.union([listed, z.array(z.string())]).pipe(z.array(origin)),
    allowed: "all, or origins such as https://example.org, several with commas between them",
    placeholder: "ORIGINS",
    format: (value) => (value.length === 0 ? "all" : value.join(",")),
  };
}

/** A whole number between two bounds. */
export function count(min: number, max: number, allowed = `a whole number from ${min} to ${max}`): ValueKind<number> {
  const schema = integerSchema.refine((value) => value >= min && value <= max);
  return { schema, allowed, placeholder: "N", format: String };
}

/** An amount of memory or disk, in bytes. */
export function bytes(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const upper = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${formatBytes(max)}`;
  return {
    schema: bytesSchema.refine((value) => value >= min && value <= max),
    allowed: `bytes, or a number with KB, MB, GB, KiB, MiB or GiB; from ${formatBytes(min)}${upper}`,
    placeholder: "BYTES",
    format: formatBytes,
  };
}

/** A time span, in milliseconds. */
export function duration(minMs: number, maxMs: number): ValueKind<number> {
  return {
    schema: quantitySchema(durationUnitsMs).refine((value) => value >= minMs && value <= maxMs),
    allowed: `a number with ms, s, m or h; from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
    placeholder: "TIME",
    format: formatDuration,
  };
}

/** A share of the memory there is, or an amount of it. */
export function watermark(): ValueKind<Watermark> {
  const fraction = fractionSchema.refine((value) => value > 0 && value <= 1);
  return {
    schema: z.union([fraction, bytesSchema.refine((value) => value >= 1024 ** 2)]),
    allowed: "a fraction of the memory such as 0.6, or an amount from 1MiB up such as 2GiB",
    placeholder: "SHARE",
    format: (value) => (value <= 1 ? String(value) : formatBytes(value)),
  };
}

function formatBytes(value: number): string {
  return largestUnit(value, [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
    ["MB", 1000 ** 2],
    ["KB", 1000],
  ]);
}

function formatDuration(value: number): string {
  return value === 0
    ? "0"
    : largestUnit(value, [
        ["h", 3_600_000],
        ["m", 60_000],
        ["s", 1000],
        ["ms", 1],
      ]);
}

function largestUnit(value: number, units: readonly (readonly [name: string, size: number])[]): string {
  for (const [name, size] of units) if (value >= size && value % size === 0) return `${value / size}${name}`;
  return String(value);
}
