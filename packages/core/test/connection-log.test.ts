import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { Broker } from "../src/broker.ts";
import { ConnectionLog } from "../src/connection-log.ts";
import type { LogFields, Logger } from "../src/logger.ts";
import { MemoryStorage } from "../src/memory-storage.ts";

const facts = { user: "guest", virtualHost: "/" };
const peer = "10.0.0.1:5";

async function openLog() {
  const clock = new FakeClock();
  const lines: [level: string, text: string, fields: LogFields][] = [];
  const keep =
    (level: string) =>
    (fields: LogFields, text: string): void =>
      void lines.push([level, text, fields]);
  const logger: Logger = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
  const broker = await Broker.open({ storage: new MemoryStorage(), clock, logger });
  lines.length = 0;
  return { clock, lines, log: new ConnectionLog({ broker, logger, peer, remoteAddress: "10.0.0.1" }) };
}

test("the end of a connection says who, how long and why, once", async () => {
  const { clock, lines, log } = await openLog();
  log.opened(facts, { engine: "native" });
  clock.advance(1500);
  log.closed("client", "DISCONNECT");
  log.closed("client", "the stream ended without a goodbye");
  log.refused("something else");
  expect(lines).toEqual([
    ["info", "connection opened", { peer, ...facts, engine: "native" }],
    ["info", "connection closed", { peer, ...facts, lastedMs: 1500, by: "client", reason: "DISCONNECT" }],
  ]);
});

test("an end for what the client did is a warning", async () => {
  const { lines, log } = await openLog();
  log.opened(facts);
  log.refused("missed heartbeats", { code: 1 });
  log.closed("broker", "cut off");
  const ending = { peer, ...facts, lastedMs: 0, by: "broker", code: 1, reason: "missed heartbeats" };
  expect(lines.slice(1)).toEqual([["warn", "connection closed", ending]]);
});

test("a client that never logged in is worth a line only where it was refused, and sparingly", async () => {
  const silent = await openLog();
  silent.log.closed("client", "the stream ended without a goodbye");
  expect(silent.lines).toEqual([]);
  const { clock, lines, log } = await openLog();
  log.refused("not in time");
  expect(lines).toEqual([["warn", "connection refused", { peer, reason: "not in time" }]]);
  clock.advance(10_000);
  expect(lines.length).toBe(1);
});
