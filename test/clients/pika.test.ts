import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { pythonScript, pythonWith } from "../harness/debian-programs.ts";
import { startTarget, type Target } from "../harness/target.ts";

let target: Target;
let python: string;
beforeAll(async () => {
  python = pythonWith("pika", "python3-pika");
  target = await startTarget();
});
afterAll(() => target.close());

test.each([
  ["publishes with confirms and consumes with acknowledgements", "publish_and_consume"],
  ["gets messages one by one and gives them back", "requeue_and_get"],
  ["raises UnroutableError for a mandatory message without a queue", "unroutable"],
  ["raises NackError where a full queue refuses", "refused_by_full_queue"],
  ["raises ChannelClosedByBroker with RabbitMQ's codes and texts", "errors"],
  ["raises ProbableAuthenticationError for a wrong password", "wrong_password"],
  ["gets headers and properties back as they were", "headers"],
  ["calls procedures over direct reply-to", "direct_reply_to"],
  ["commits and rolls back", "transactions"],
  ["sends and gets 5 MiB", "large_body"],
  ["hears that its queue was deleted", "cancelled_by_broker"],
  ["keeps a quiet connection open by heartbeats", "heartbeats"],
])("a BlockingConnection %s", async (_what, scenario) => {
  expect(await succeed(python, [pythonScript("pika_blocking.py"), target.url, scenario])).toBe("fine\n");
});

test("a SelectConnection does everything by callbacks", async () => {
  const output = await succeed(python, [pythonScript("pika_select.py"), target.url]);
  expect(output).toBe("confirmed: 500\nin order: True\nclosed: 200 Normal shutdown\n");
});
