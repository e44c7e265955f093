import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand, startCommand, succeed } from "../harness/command.ts";
import { requireCommand } from "../harness/debian-programs.ts";
import { freshName, startTarget, type Target } from "../harness/target.ts";

let target: Target;
beforeAll(async () => {
  for (const tool of ["declare-queue", "publish", "get", "consume", "delete-queue"]) {
    requireCommand(`amqp-${tool}`, "amqp-tools");
  }
  target = await startTarget();
});
afterAll(() => target.close());

const amqp = (tool: string, ...args: readonly string[]) => succeed(`amqp-${tool}`, ["--url", target.url, ...args]);

test("amqp-tools declare, publish, get and delete", async () => {
  const queue = freshName("tools");
  expect(await amqp("declare-queue", "--queue", queue, "--durable")).toBe(`${queue}\n`);
  await amqp("publish", "--routing-key", queue, "--body", "from the shell", "--persistent");
  await succeed("amqp-publish", ["--url", target.url, "--routing-key", queue, "--line-buffered"], {
    input: "line one\nline two\n",
  });
  expect(await amqp("get", "--queue", queue)).toBe("from the shell");
  expect(await amqp("get", "--queue", queue)).toBe("line one\n");
  expect(await amqp("get", "--queue", queue)).toBe("line two\n");
  const empty = await runCommand("amqp-get", ["--url", target.url, "--queue", queue]);
  expect(empty.status).toBe(2);
  expect(await amqp("delete-queue", "--queue", queue)).toBe("0\n");
  const missing = await runCommand("amqp-get", ["--url", target.url, "--queue", queue]);
  expect(missing.status).toBe(1);
  expect(missing.stderr).toContain(`NOT_FOUND - no queue '${queue}' in vhost '/'`);
});

test("amqp-consume binds a queue of its own and runs a command for each message", async () => {
  const key = freshName("consumed");
  const args = ["--exchange", "amq.topic", "--routing-key", `${key}.#`, "--count", "3", "--prefetch-count", "1", "cat"];
  const consumer = startCommand("amqp-consume", ["--url", target.url, ...args]);
  // It names its queue when it is bound.
  await consumer.says(/^Server provided queue name: amq\.gen-/);
  for (const text of ["a", "b", "c"]) {
    await amqp("publish", "--exchange", "amq.topic", "--routing-key", `${key}.${text}`, "--body", `${text}\n`);
  }
  const { status, stdout } = await consumer.result();
  expect([status, stdout]).toEqual([0, "a\nb\nc\n"]);
});

test("amqp-publish says why a wrong password is refused", async () => {
  const url = new URL(target.url);
  url.password = "not-the-password";
  const { status, stderr } = await runCommand("amqp-publish", ["--url", url.href, "--routing-key", "x", "--body", "x"]);
  expect(status).toBe(1);
  expect(stderr).toContain("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN");
});
