import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCommand, succeed } from "../harness/command.ts";
import { pythonScript, pythonWith } from "../harness/debian-programs.ts";
import { freshName, startTarget, type Target } from "../harness/target.ts";

let target: Target;
let python: string;
beforeAll(async () => {
  python = pythonWith("celery", "celery");
  target = await startTarget();
});
afterAll(() => target.close());

test("a Celery worker runs tasks and returns their results, retries, groups, remote control and events", async () => {
  const options = {
    cwd: dirname(pythonScript("celery_tasks.py")),
    env: { BROKER_URL: target.url, TASK_QUEUE: freshName("celery"), PYTHONDONTWRITEBYTECODE: "1" },
  };
  const workerArgs = ["-A", "celery_tasks", "worker", "--pool=prefork", "--concurrency=2", "--loglevel=INFO"];
  const worker = startCommand(python, ["-m", "celery", ...workerArgs], options);
  await worker.says(/ ready\./);
  const scenarios = ["results", "retries_and_countdown", "groups_and_chains", "remote_control", "events"];
  const output = await succeed(python, [pythonScript("celery_client.py"), ...scenarios], options);
  expect(output).toBe(`${scenarios.join("\n")}\n`);
  worker.child.kill("SIGTERM");
  const { status, stderr } = await worker.result();
  // One task fails on purpose.
  const complaints = stderr.match(/(ERROR|CRITICAL)\/\S+ .*|connection to broker lost/gi) ?? [];
  expect({ status, complaints }).toEqual({ status: 0, complaints: [expect.stringContaining("celery_tasks.fail")] });
});
