import { readFileSync } from "node:fs";
import { type Config, kebabName } from "./config/config.ts";
import { StartError } from "./start-error.ts";

/** Settings that name a file in PEM. */
export type PemKey = Extract<keyof Config, `${"tls" | "redisTls"}${"Ca" | "Certificate" | "Key"}`>;

/** Reads the file that a setting names. Throws StartError. */
export function readPem(name: PemKey, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(`${kebabName(name)}: cannot read ${path}: ${(error as Error).message}`, error);
  }
}

/** What `parse` throws as a StartError. */
export function refuseBadPem(name: PemKey, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new StartError(`${kebabName(name)}: ${(error as Error).message}`, error);
  }
}
