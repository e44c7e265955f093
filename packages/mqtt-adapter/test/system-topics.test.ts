import type { Broker } from "@jackalope/core";
import { type Queue, stringField } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { defaultMqttLimits } from "../src/options.ts";
import { RetainedFeed } from "../src/retained-feed.ts";
import { RetainedStore } from "../src/retained-store.ts";
import { SystemTopics } from "../src/system-topics.ts";
import { Traffic } from "../src/traffic.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { consume, declareQueue, defaultHost, openBroker, retainedMessage, whenOver } from "./retained-fixture.ts";

interface Setting {
  readonly broker: Broker;
  readonly clock: FakeClock;
  readonly retained: RetainedStore;
  readonly systemTopics: SystemTopics;
  readonly queue: Queue;
  readonly traffic: Traffic;
  /** How often sessions were counted. */
  readonly looks: () => number;
}

async function setting(intervalMs = 10_000): Promise<Setting> {
  const clock = new FakeClock();
  const broker = await openBroker({ clock });
  const host = defaultHost(broker);
  const retained = new RetainedStore(host, "amq.topic", defaultMqttLimits);
  const traffic = new Traffic();
  let looks = 0;
  const countSessions = () => {
    looks++;
    return { connected: 3, disconnected: 2, subscriptions: 7, sharedSubscriptions: 1 };
  };
  const systemTopics = new SystemTopics({ host, exchange: "amq.topic", retained, intervalMs, countSessions, traffic });
  whenOver(() => {
    systemTopics.close();
    retained.close();
  });
  const queue = await declareQueue(broker, "session");
  return { broker, clock, retained, systemTopics, queue, traffic, looks: () => looks };
}

function bind(broker: Broker, queue: Queue, routingKey: string, filter: string | null): void {
  const args = filter === null ? [] : [["x-topic-filter", stringField(filter)] as const];
  const binding = { source: "amq.topic", destination: queue.name, destinationKind: "queue", routingKey } as const;
  const host = defaultHost(broker);
  host.topology.bind({ ...binding, arguments: args }, host.payer(""));
}

describe("$SYS", () => {
  it("is published to those who subscribe, and again what has changed", async () => {
    const { broker, clock, queue, retained, traffic } = await setting();
    bind(broker, queue, "$SYS.#", "$SYS/#");
    const { delivered } = consume(broker, queue, true);
    clock.advance(10_000);
    const values = new Map(delivered.map(({ topic, body }) => [topic.replace("$SYS/broker/", ""), body]));
    expect(Object.fromEntries(values)).toMatchObject({
      uptime: "10 seconds",
      "clients/connected": "3",
      "clients/disconnected": "2",
      "clients/total": "5",
      "subscriptions/count": "7",
      "shared_subscriptions/count": "1",
      "retained messages/count": "0",
      "bytes/received": "0",
      "bytes/sent": "0",
      "publish/messages/dropped": "0",
      "publish/messages/dropped/overload": "0",
    });
    expect(new Set(delivered.map(({ format }) => format))).toEqual(new Set(["mqtt-0-retain"]));
    delivered.length = 0;
    retained.set("a", retainedMessage("a", "x"));
    broker.totals.dropped.overload = 4;
    traffic.receivedBytes += 12;
    clock.advance(10_000);
    const changed = delivered.map(({ topic, body }) => `${topic.replace("$SYS/broker/", "")} ${body}`);
    expect(changed).toContain("uptime 20 seconds");
    expect(changed).toContain("retained messages/count 1");
    expect(changed).toContain("bytes/received 12");
    expect(changed.some((text) => text.startsWith("bytes/sent"))).toBe(false);
    expect(changed).toContain("publish/messages/dropped 4");
    expect(changed).toContain("publish/messages/dropped/overload 4");
    expect(changed.some((text) => text.startsWith("clients"))).toBe(false);
  });

  it("costs nothing while nobody subscribes, and reaches no wildcard and no AMQP binding", async () => {
    const { broker, clock, queue, looks } = await setting();
    bind(broker, queue, "#", "#");
    bind(broker, queue, "#", null);
    bind(broker, queue, "$SYS.#", null);
    clock.advance(60_000);
    expect(queue.readyCount).toBe(0);
    expect(looks()).toBe(0);
  });

  it("is there at once for a new subscription", async () => {
    const { broker, clock, queue, retained, systemTopics } = await setting();
    const { delivered } = consume(broker, queue, true);
    clock.advance(3000);
    let ended = false;
    new RetainedFeed({
      host: defaultHost(broker),
      queue,
      retained,
      systemTopics,
      subscription: { filter: "$SYS/broker/clients/+", qos: 1, noLocal: false, id: 5 },
    }).whenDone(() => {
      ended = true;
    });
    await until(() => ended);
    expect(delivered.map(({ topic, body }) => `${topic} ${body}`)).toEqual([
      "$SYS/broker/clients/connected 3",
      "$SYS/broker/clients/disconnected 2",
      "$SYS/broker/clients/total 5",
    ]);
    expect(new Set(delivered.map(({ format, native }) => `${format} ${native}`))).toEqual(
      new Set(["mqtt-0-retained 0b05"]),
    );
  });

  it("counts every byte of every MQTT connection", async () => {
    const fixture = await startAdapter();
    const { traffic } = fixture.adapter;
    const client = await fixture.client({ clientId: "traffic" });
    const connected = traffic.receivedBytes;
    // Length of protocol name, level, flags, keep alive, no properties, three texts.
    expect(connected).toBe(2 + 6 + 1 + 1 + 2 + 1 + 9 + 7 + 7);
    await until(() => traffic.sentBytes === client.receivedBytes);
    client.send(Buffer.from([0xc0]));
    await until(() => traffic.receivedBytes === connected + 1);
    client.send(Buffer.from([0]));
    await client.expect("pingresp");
    expect(traffic.receivedBytes).toBe(connected + 2);
    await fixture.client({ clientId: "another" });
    await client.disconnect();
    expect(traffic.receivedBytes).toBeGreaterThan(2 * connected);
  });

  it("can be switched off", async () => {
    const { broker, clock, queue, systemTopics } = await setting(0);
    bind(broker, queue, "$SYS.#", "$SYS/#");
    clock.advance(60_000);
    expect(queue.readyCount).toBe(0);
    expect([...systemTopics.search("$SYS/#")].filter((one) => one !== null)).toEqual([]);
  });
});
