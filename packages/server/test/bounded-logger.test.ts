import type { LogFields, Logger } from "@jackalope/core";
import { describe, expect, test } from "vitest";
import { boundedLogger, logTextLengthMax } from "../src/bounded-logger.ts";

function recorder(): { logger: Logger; lines: [string, LogFields, string][] } {
  const lines: [string, LogFields, string][] = [];
  const level = (name: string) => (fields: LogFields, text: string) => {
    lines.push([name, fields, text]);
  };
  const logger = { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
  return { logger, lines };
}

const long = "x".repeat(logTextLengthMax);

describe("the log", () => {
  test.each(["debug", "info", "warn", "error"] as const)("cuts long texts of a line at level %s", (level) => {
    const { logger, lines } = recorder();
    boundedLogger(logger)[level]({ user: `${long}y`, peer: long, count: 3, gone: null }, `${long}${long}`);
    const text = `${long.slice(1)}…`;
    expect(lines).toEqual([[level, { user: text, peer: long, count: 3, gone: null }, text]]);
    expect(text).toHaveLength(logTextLengthMax);
  });

  test("passes everything else on as it is", () => {
    const { logger, lines } = recorder();
    const fields = { user: "guest" };
    boundedLogger(logger).info(fields, "connection opened");
    expect(lines[0]?.[1]).toBe(fields);
  });

  test("leaves the stack of a fault whole, within reason", () => {
    const { logger, lines } = recorder();
    boundedLogger(logger).error({ stack: "s".repeat(5000), error: `${long}y` }, "");
    boundedLogger(logger).error({ stack: "s".repeat(10_000) }, "");
    expect(lines.map(([, { stack, error }]) => [String(stack).length, error])).toEqual([
      [5000, `${long.slice(1)}…`],
      [8192, undefined],
    ]);
  });

  test("cuts between characters", () => {
    const { logger, lines } = recorder();
    boundedLogger(logger).info({ user: `${"x".repeat(logTextLengthMax - 2)}😀😀` }, "");
    expect(lines[0]?.[1]).toEqual({ user: `${"x".repeat(logTextLengthMax - 2)}…` });
  });
});
