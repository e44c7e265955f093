import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { type LogFields, silentLogger } from "../src/logger.ts";
import { SparingLog } from "../src/sparing-log.ts";

function openLog() {
  const clock = new FakeClock();
  const lines: LogFields[] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields) => lines.push(fields) };
  return { clock, lines, log: new SparingLog(clock, logger) };
}

describe("warnings that strangers cause", () => {
  test("one line an address and second, the next with the count of those it stands for", () => {
    const { clock, lines, log } = openLog();
    for (let attempt = 1; attempt <= 5; attempt++) log.warn("10.0.0.1", { attempt }, "refused");
    log.warn("10.0.0.2", { attempt: 6 }, "refused");
    expect(lines).toEqual([{ attempt: 1 }, { attempt: 6 }]);
    clock.advance(1000);
    expect(lines.slice(2)).toEqual([{ attempt: 5, alike: 4 }]);
    clock.advance(1000);
    log.warn("10.0.0.1", { attempt: 7 }, "refused");
    expect(lines.slice(3)).toEqual([{ attempt: 7 }]);
  });

  test("a crowd of addresses shares a line", () => {
    const { clock, lines, log } = openLog();
    for (let address = 0; address < 10_000; address++) log.warn(`address ${address}`, { address }, "refused");
    expect(lines.length).toBe(65);
    clock.advance(1000);
    expect(lines.slice(65)).toEqual([{ address: 9999, alike: 10_000 - 65 }]);
  });
});
