import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { pythonScript, pythonWith } from "../harness/debian-programs.ts";
import { startStompTarget, type StompTarget } from "../harness/stomp-target.ts";

let target: StompTarget;
let python: string;
beforeAll(async () => {
  python = pythonWith("stomp", "python3-stomp");
  target = await startStompTarget();
});
afterAll(() => target.close());

test.each([
  ["speaks 1.0, 1.1 and 1.2", "versions"],
  ["gets receipts and messages in order", "receipts_and_order"],
  ["acknowledges, refuses, and gives back by leaving", "acknowledge_and_refuse"],
  ["commits and aborts", "transactions"],
  ["sends and gets 1 MiB of any bytes", "binary_body"],
  ["gets what it missed on a durable subscription", "durable_subscription"],
  ["hears that its password is wrong", "wrong_password"],
  ["hears that there is no such destination", "unknown_destination"],
  ["keeps a quiet connection open by heart-beats", "heartbeats"],
])("stomp.py %s", async (_what, scenario) => {
  const { host, stompPort, username, password } = target;
  const args = [pythonScript("stomp_scenarios.py"), host, String(stompPort), username, password, scenario];
  expect(await succeed(python, args)).toBe("fine\n");
});
