import { readFile } from "node:fs/promises";
import { Broker, MemoryStorage } from "@jackalope/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createManagement, type Health, type Management } from "../src/index.ts";

let broker: Broker | null;
let health: Health;
let storeHealthy: boolean;
let refusedCount: number;
let management: Management;
let origin: string;

beforeEach(async () => {
  broker = await Broker.open({ storage: new MemoryStorage() });
  health = { ready: true, alarms: [] };
  storeHealthy = true;
  refusedCount = 0;
  management = await createManagement({
    broker: () => broker,
    health: () => health,
    storeHealthy: () => storeHealthy,
    refusedCount: () => refusedCount,
  });
  const { port } = await management.listen({ host: "127.0.0.1", port: 0 });
  origin = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  await management.close();
  await broker?.close();
});

/** The value of one line of /metrics. */
async function metric(line: string): Promise<number | undefined> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

test("a request that fails is answered with 500, and the next one is served", async () => {
  const whole = health;
  health = new Proxy(whole, {
    get() {
      throw new Error("a fault of ours");
    },
  });
  const failed = await fetch(`${origin}/health/ready`);
  expect([failed.status, await failed.json()]).toEqual([500, { error: "internal error" }]);
  health = whole;
  expect((await fetch(`${origin}/health/ready`)).status).toBe(200);
});

test("docs/operating.md names every metric of the broker, and no other", async () => {
  const names = (text: string): string[] => [...new Set(text.match(/jackalope_\w+/g))].sort();
  const page = await readFile(new URL("../../../docs/operating.md", import.meta.url), "utf8");
  expect(names(page)).toEqual(names(await (await fetch(`${origin}/metrics`)).text()));
});

test("a value that cannot be had leaves the other metrics, and is counted", async () => {
  const { storage } = broker as Broker;
  storage.statistics = () => {
    throw new Error("a fault of ours");
  };
  expect(await metric("jackalope_queues")).toBe(0);
  expect(await metric('jackalope_failures_contained_total{place="background"}')).toBeGreaterThan(0);
});

describe("health", () => {
  test("live answers while the process runs, whatever the broker does", async () => {
    health = { ready: false, status: "unavailable", reason: "the broker is starting" };
    const response = await fetch(`${origin}/health/live`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "live" });
  });

  test("ready answers 200 or 503 with the reason", async () => {
    const good = await fetch(`${origin}/health/ready`);
    expect(good.status).toBe(200);
    expect(await good.json()).toEqual({ status: "ready" });
    health = { ready: false, status: "unavailable", reason: "the store cannot write" };
    const bad = await fetch(`${origin}/health/ready`);
    expect(bad.status).toBe(503);
    expect(await bad.json()).toEqual({ status: "unavailable", reason: "the store cannot write" });
  });

  test("ready says which alarms are on, with the numbers behind them", async () => {
    const alarms = [{ kind: "memory", source: "alive", facts: { aliveBytes: 2, memoryBytesMax: 1 } }] as const;
    health = { ready: true, alarms };
    const response = await fetch(`${origin}/health/ready`);
    expect([response.status, await response.json()]).toEqual([200, { status: "ready", alarms }]);
  });

  test("ready of a standby is 503 too, and says that nothing is wrong", async () => {
    health = { ready: false, status: "standby", reason: "another leads" };
    const standby = await fetch(`${origin}/health/ready`);
    expect(standby.status).toBe(503);
    expect(await standby.json()).toEqual({ status: "standby", reason: "another leads" });
  });

  test("an unknown path is a 404 in JSON", async () => {
    const response = await fetch(`${origin}/nowhere`);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toContain("application/json");
  });
});

describe("metrics", () => {
  test("come in Prometheus' text form, with the process and its event loop", async () => {
    const response = await fetch(`${origin}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain("# TYPE jackalope_connections gauge\n");
    expect(text).toContain("# TYPE jackalope_messages_published_total counter\n");
    expect(await metric("process_resident_memory_bytes")).toBeGreaterThan(1024 ** 2);
    expect(await metric("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
  });

  test("totals are those of the broker at each scrape", async () => {
    const { totals } = broker as Broker;
    for (const published of [5, 12]) {
      totals.published = published;
      totals.deadLettered.expired = published + 1;
      totals.dropped.unroutable = published + 2;
      expect(await metric("jackalope_messages_published_total")).toBe(published);
      expect(await metric('jackalope_messages_dead_lettered_total{reason="expired"}')).toBe(published + 1);
      expect(await metric('jackalope_messages_dropped_total{reason="unroutable"}')).toBe(published + 2);
    }
  });

  test("queues and connections are counted over all virtual hosts", async () => {
    const running = broker as Broker;
    const user = await running.authenticate("guest", "guest", "127.0.0.1");
    if (user === null) throw new Error("guest was refused");
    const connection = running.openConnection({
      virtualHost: "/",
      user,
      name: "test",
      protocol: "AMQP 0-9-1",
      peer: "127.0.0.1:1",
      onClose: () => {},
    });
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: [] };
    await connection.declareQueue("one", spec);
    await connection.declareQueue("two", spec);
    expect(await metric("jackalope_connections")).toBe(1);
    expect(await metric("jackalope_connections_opened_total")).toBe(1);
    expect(await metric("jackalope_queues")).toBe(2);
    expect(await metric("jackalope_messages_ready")).toBe(0);
    connection.close();
    expect(await metric("jackalope_connections")).toBe(0);
  });

  test("an alarm shows", async () => {
    expect(await metric("jackalope_publishers_blocked")).toBe(0);
    (broker as Broker).alarms.set("disk", "test", true);
    expect(await metric("jackalope_publishers_blocked")).toBe(1);
    expect(await metric('jackalope_alarm{kind="disk",source="test"}')).toBe(1);
    expect(await metric('jackalope_alarm{kind="memory",source="alive"}')).toBe(0);
    expect(await metric('jackalope_alarm{kind="disk",source="spill"}')).toBe(0);
  });

  test("a broker that is still recovering has the process's metrics already", async () => {
    await broker?.close();
    broker = null;
    expect(await metric("process_resident_memory_bytes")).toBeGreaterThan(0);
  });

  test("whether a broker serves, whether its store does, and who was refused show", async () => {
    expect(await metric("jackalope_leader")).toBe(1);
    expect(await metric("jackalope_store_healthy")).toBe(1);
    (broker as Broker).totals.published = 5;
    expect(await metric("jackalope_messages_published_total")).toBe(5);
    await broker?.close();
    broker = null;
    storeHealthy = false;
    refusedCount = 3;
    expect(await metric("jackalope_leader")).toBe(0);
    expect(await metric("jackalope_store_healthy")).toBe(0);
    expect(await metric("jackalope_connections_refused_total")).toBe(3);
    expect(await metric("jackalope_messages_published_total")).toBe(0);
  });

  test("two brokers in one process keep their own numbers", async () => {
    const other = await Broker.open({ storage: new MemoryStorage() });
    const second = await createManagement({
      broker: () => other,
      health: () => ({ ready: true, alarms: [] }),
      storeHealthy: () => true,
      refusedCount: () => 0,
    });
    try {
      const { port } = await second.listen({ host: "127.0.0.1", port: 0 });
      (broker as Broker).totals.published = 1;
      other.totals.published = 2;
      expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain("published_total 2\n");
      expect(await metric("jackalope_messages_published_total")).toBe(1);
    } finally {
      await second.close();
      await other.close();
    }
  });
});

describe("listening", () => {
  test("works on several addresses with one port", async () => {
    const port = Number(new URL(origin).port);
    expect(await management.listen({ host: "127.0.0.2", port })).toEqual({ port });
    expect((await fetch(`http://127.0.0.2:${port}/health/live`)).status).toBe(200);
  });

  test("a port in use is told with the system's code", async () => {
    const port = Number(new URL(origin).port);
    await expect(management.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("close does not wait for clients that keep their connection open", async () => {
    await (await fetch(`${origin}/health/live`)).text();
    await management.close();
    await expect(fetch(`${origin}/health/live`)).rejects.toThrow();
  });
});
