import { expect, test } from "vitest";
import { findField } from "../src/field-value.ts";
import { table, TestBroker } from "./fixture/test-broker.ts";

test("where the broker tells who published, a client's own claims are replaced", async () => {
  const broker = await TestBroker.open({ addsOrigin: true });
  await broker.queue("q");
  const channel = broker.channel();
  const headers = table({ "x-origin-user": "somebody else", kept: "yes" });
  channel.publish("", "q", "body", { headers, deliveryMode: 2 });
  const got = channel.get("q");
  const found = got?.message.properties.headers ?? [];
  expect(Buffer.from(got?.message.body ?? []).toString()).toBe("body");
  expect(got?.message.persistent).toBe(true);
  expect(found.filter(([name]) => name === "x-origin-user")).toHaveLength(1);
  expect(findField(found, "x-origin-user")).toEqual({ kind: "string", value: "guest" });
  expect(findField(found, "x-origin-protocol")).toEqual({ kind: "string", value: "test" });
  expect(findField(found, "kept")).toEqual({ kind: "string", value: "yes" });
});
