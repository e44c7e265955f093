import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { createBroker } from "../src/index.ts";

test("a data folder that is removed under a running broker raises the disk alarm, and stopping says that it is lost", async () => {
  const parent = await mkdtemp(join(tmpdir(), "jackalope-lost-"));
  const dataDir = join(parent, "data");
  const errors: string[] = [];
  const keep = (fields: object): void => void errors.push(JSON.stringify(fields));
  const logger = { debug() {}, info() {}, warn() {}, error: keep };
  const running = await createBroker({ dataDir, store: "embedded", logger });
  const { alarms } = running.broker;
  expect(alarms.blocked).toBe(false);
  await rm(dataDir, { recursive: true });
  await until(() => alarms.blocked);
  expect(alarms.reason).toContain("disk");
  expect(errors.join()).toContain("0000000001.log is gone");
  await expect(running.close()).rejects.toThrow("is gone");
  await rm(parent, { recursive: true, force: true });
});
