/** Facts beside a log line, small and flat. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** What the core and the adapters need of a logger. The server passes pino, tests pass a recorder. */
export interface Logger {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
