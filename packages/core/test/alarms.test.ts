import { expect, test } from "vitest";
import { Alarms } from "../src/alarms.ts";

test("alarms are on while any source has them raised, with RabbitMQ's reasons, and tell of changes only", () => {
  const alarms = new Alarms();
  const told: string[] = [];
  const cancel = alarms.subscribe(() => told.push(alarms.reason));
  alarms.set("memory", "watermark", true);
  alarms.set("memory", "watermark", true);
  alarms.set("disk", "free space", true);
  alarms.set("disk", "storage", true);
  alarms.set("disk", "free space", false);
  expect([alarms.blocked, alarms.isOn("disk")]).toEqual([true, true]);
  alarms.set("memory", "watermark", false);
  alarms.set("disk", "storage", false);
  expect(told).toEqual(["low on memory", "low on memory & disk", "low on disk", ""]);
  expect(alarms.blocked).toBe(false);
  cancel();
  alarms.set("disk", "storage", true);
  expect(told).toHaveLength(4);
});
