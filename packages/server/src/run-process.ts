import { readCommandLine } from "./command-line.ts";
import type { Config } from "./config/config.ts";
import { ConfigError, unknownVariables } from "./config/resolve-config.ts";
import { openStandardLog, type StandardLog } from "./logging.ts";
import { BrokerLife, ClosedEarlyError } from "./broker-life.ts";
import { StartError, UnsavedError } from "./start-error.ts";

/** npm passes on a signal that a terminal has sent to this process already: the second of the two means nothing. */
const echoMs = process.env.npm_lifecycle_event === undefined ? 0 : 200;

/** An end in order that takes longer is cut short where a surprise has begun it. */
const surprisedEndMsMax = 20_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The life of the jackalope command: reads the settings, runs the broker, reads the TLS files
 * anew with SIGHUP, ends with SIGTERM or SIGINT. Exit codes: 0
 * after a clean end, 1 where it could not start (one line on standard error says why), could not write the last commit
 * or could not go on (the log's last lines say why), 128 + the signal's number where a second signal cut the end short.
 */
export async function runProcess(args: readonly string[], environment: Environment): Promise<void> {
  const config = readSettings(args, environment);
  if (config === null) return;
  const log = openStandardLog(config);
  for (const name of unknownVariables(environment)) log.logger.warn({ variable: name }, "no such setting");
  try {
    await runBroker(config, log);
  } catch (error) {
    await log.close();
    fail(error);
  }
}

/** Resolves when clients are served, or a signal has ended it before. */
async function runBroker(config: Config, log: StandardLog): Promise<void> {
  const onFailure = (error: unknown): void => void log.close().then(() => fail(error));
  const life = new BrokerLife(config, { logger: log.logger, onFailure });
  endOnSignals(life, log);
  endOnSurprises(life, log);
  try {
    await life.start();
  } catch (error) {
    if (!(error instanceof ClosedEarlyError)) throw error;
  }
}

function readSettings(args: readonly string[], environment: Environment): Config | null {
  try {
    const commandLine = readCommandLine(args, environment);
    if (commandLine.kind === "run") return commandLine.config;
    process.exitCode = commandLine.exitCode;
    return null;
  } catch (error) {
    return fail(error);
  }
}

/** Ends with a line for a person, or with everything there is to know where the fault is ours. */
function fail(error: unknown): never {
  const expected = error instanceof ConfigError || error instanceof StartError;
  const text = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(text.replace(/^/gm, expected ? "jackalope: " : "") + "\n");
  process.exit(1);
}

function endOnSignals(life: BrokerLife, log: StandardLog): void {
  let firstAtMs = 0;
  const end = (signal: "SIGTERM" | "SIGINT"): void => {
    if (firstAtMs > 0 && performance.now() - firstAtMs < echoMs) return;
    if (firstAtMs > 0) process.exit(128 + (signal === "SIGTERM" ? 15 : 2));
    firstAtMs = performance.now();
    log.logger.info({ signal }, "stopping");
    void closeAndExit(life, log);
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
  // Without a listener it would end the process.
  process.on("SIGHUP", () => life.reloadTls());
}

/**
 * The last net. What failed alone was contained where it failed; what comes here came from nobody knows where, so nobody
 * knows what is still true: all of it goes into the log, and the broker ends in order.
 */
function endOnSurprises(life: BrokerLife, log: StandardLog): void {
  let ending = false;
  const end = (origin: string, error: unknown): void => {
    const facts = error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) };
    log.logger.error({ origin, ...facts }, "an error that nobody expected: the broker ends");
    if (ending) return;
    ending = true;
    const exit = (): void => void log.close().then(() => process.exit(1));
    setTimeout(exit, surprisedEndMsMax);
    life.close().then(exit, (closeError: unknown) => {
      log.logger.error({ error: String(closeError) }, "the broker could not end in order");
      exit();
    });
  };
  process.on("uncaughtException", (error) => end("exception", error));
  process.on("unhandledRejection", (reason) => end("rejection", reason));
}

async function closeAndExit(life: BrokerLife, log: StandardLog): Promise<void> {
  try {
    await life.close().catch((error: unknown) => failToSave(error, log));
  } catch (error) {
    await log.close();
    fail(error);
  }
  log.logger.info({}, "stopped");
  await log.close();
  process.exit(0);
}

/** The store did not take the last commit: one line for a person. Other errors are passed on. */
async function failToSave(error: unknown, log: StandardLog): Promise<never> {
  if (!(error instanceof UnsavedError)) throw error;
  log.logger.error(
    { error: error.message },
    "stopped, but the store could not be written: what was not confirmed is lost, what was just acknowledged comes again",
  );
  await log.close();
  process.exit(1);
}
