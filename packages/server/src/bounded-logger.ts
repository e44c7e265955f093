import type { LogFields, Logger } from "@jackalope/core";

/** Longest text in a log line, the line's own and that of each field. */
export const logTextLengthMax = 256;
/** Where a fault of ours comes from must be seen whole; a text of a client's in it is still bounded. */
const stackLengthMax = 8192;

/**
 * A logger that cuts long texts. Much of what is logged comes from clients (names, commands, headers, what is wrong with
 * them): whoever may say something to the broker must not fill its log by that.
 */
export function boundedLogger(logger: Logger): Logger {
  return {
    debug: (fields, text) => logger.debug(cutFields(fields), cut(text)),
    info: (fields, text) => logger.info(cutFields(fields), cut(text)),
    warn: (fields, text) => logger.warn(cutFields(fields), cut(text)),
    error: (fields, text) => logger.error(cutFields(fields), cut(text)),
  };
}

/** The same object where nothing is long, as nearly always. */
function cutFields(fields: LogFields): LogFields {
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === "string" && value.length > lengthMax(name)) {
      const entries = Object.entries(fields).map(([key, each]) => [
        key,
        typeof each === "string" ? cut(each, lengthMax(key)) : each,
      ]);
      return Object.fromEntries(entries) as LogFields;
    }
  }
  return fields;
}

function lengthMax(name: string): number {
  return name === "stack" ? stackLengthMax : logTextLengthMax;
}

function cut(text: string, lengthMax: number = logTextLengthMax): string {
  if (text.length <= lengthMax) return text;
  // Half of a pair of surrogates would be no character.
  return `${text.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
