import type { Logger } from "@jackalope/core";
import { destination, pino, stdTimeFunctions } from "pino";
import type { Config } from "./config/config.ts";
import { textLine } from "./text-line.ts";

/** A logger that writes to standard output, and the way to have everything written before the process ends. */
export interface StandardLog {
  readonly logger: Logger;
  /** Writes what is buffered, at once. */
  flush(): void;
}

/**
 * The log of a broker process. Lines are written behind the event loop's back, so that a reader of the log who stalls
 * does not stall the broker.
 */
export function openStandardLog(config: Pick<Config, "logLevel" | "logFormat">): StandardLog {
  const output = destination({ dest: 1, sync: false });
  // The reader of the log is gone (a closed pipe): the broker goes on without one.
  output.on("error", () => {});
  const readable = config.logFormat === "text" || (config.logFormat === "auto" && process.stdout.isTTY);
  const stream = readable ? { write: (line: string) => output.write(textLine(line)) } : output;
  const options = {
    level: config.logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return { logger: pino(options, stream), flush: () => flushQuietly(output) };
}

function flushQuietly(output: ReturnType<typeof destination>): void {
  try {
    output.flushSync();
  } catch {
    // Not open yet, or the reader is gone.
  }
}
