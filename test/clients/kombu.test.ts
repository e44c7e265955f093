import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { pythonScript, pythonWith } from "../harness/debian-programs.ts";
import { startTarget, type Target } from "../harness/target.ts";

let target: Target;
let python: string;
beforeAll(async () => {
  python = pythonWith("kombu", "python3-kombu");
  target = await startTarget();
});
afterAll(() => target.close());

test.each([
  ["puts into simple queues and gets out again", "simple_queue"],
  ["publishes to exchanges with confirms and consumes", "exchanges"],
  ["gives messages back, rejects them and finds them dead-lettered", "requeue_and_reject"],
  ["answers requests with a consumer mixin", "consumer_mixin"],
  ["raises the errors of py-amqp with RabbitMQ's texts", "errors"],
  ["keeps a quiet connection open by heartbeats", "heartbeats"],
])("kombu %s", async (_what, scenario) => {
  expect(await succeed(python, [pythonScript("kombu_scenarios.py"), target.url, scenario])).toBe("fine\n");
});
