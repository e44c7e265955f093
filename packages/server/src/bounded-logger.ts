import type { LogFields, Logger } from "@jackalope/core";

/** Longest text in a log line, the line's own and that of each field. */
export const logTextLengthMax = 256;

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
    if (typeof value === "string" && value.length > logTextLengthMax) {
      const entries = Object.entries(fields).map(([key, each]) => [key, typeof each === "string" ? cut(each) : each]);
      return Object.fromEntries(entries) as LogFields;
    }
  }
  return fields;
}

function cut(text: string): string {
  if (text.length <= logTextLengthMax) return text;
  // Half of a pair of surrogates would be no character.
  return `${text.slice(0, logTextLengthMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
