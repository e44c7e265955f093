import type { Logger } from "@jackalope/core";
import { pino, stdTimeFunctions } from "pino";
import type { Config } from "./config/config.ts";
import { LogOutput } from "./log-output.ts";
import { textLine } from "./text-line.ts";

/** A logger that writes to standard output, and the way to have everything written before the process ends. */
export interface StandardLog {
  readonly logger: Logger;
  /** Resolves when all is written, as far as it can be. */
  close(): Promise<void>;
}

/** The log of a broker process. */
export function openStandardLog(config: Pick<Config, "logLevel" | "logFormat">): StandardLog {
  const output = new LogOutput(process.stdout.fd);
  const readable = config.logFormat === "text" || (config.logFormat === "auto" && process.stdout.isTTY);
  const stream = readable ? { write: (line: string) => output.write(textLine(line)) } : output;
  const options = {
    level: config.logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return { logger: pino(options, stream), close: () => output.close() };
}
