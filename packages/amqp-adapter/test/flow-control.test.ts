import { MemoryStorage } from "@jackalope/core";
import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { basicConsume, basicConsumeOk, basicDeliver, basicGet, basicPublish } from "../src/methods/basic.ts";
import { connectionBlocked, connectionUnblocked } from "../src/methods/connection.ts";
import { queueDeclare, queueDeclareOk } from "../src/methods/queue.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { contentHeader, frame, method, type RawClient } from "./raw-client.ts";

async function declare(client: RawClient): Promise<void> {
  const flags = { passive: false, durable: false, exclusive: false, autoDelete: false, nowait: false };
  await client.call(1, queueDeclare, { ticket: 0, queue: "q", ...flags, arguments: [] }, queueDeclareOk);
}

function publish(body: Uint8Array): Buffer {
  const values = { ticket: 0, exchange: "", routingKey: "q", mandatory: false, immediate: false };
  return Buffer.concat([method(1, basicPublish, values), contentHeader(1, body.length), frame(3, 1, body)]);
}

describe("a resource alarm", () => {
  it("blocks connections that publish, tells those that want to know, and lets them go on", async () => {
    const fixture = await startAdapter();
    const queue = () => fixture.broker.virtualHosts.get("/")?.queues.get("q");
    const publisher = await fixture.client({ capabilities: ["connection.blocked"] });
    const silent = await fixture.client();
    const consumer = await fixture.client({ capabilities: ["connection.blocked"] });
    await declare(publisher);
    publisher.send(publish(Buffer.from("before")));
    silent.send(publish(Buffer.from("before")));
    await until(() => queue()?.readyCount === 2);

    fixture.broker.alarms.set("memory", "test", true);
    expect(await publisher.expect(connectionBlocked)).toEqual({ reason: "low on memory" });
    publisher.send(publish(Buffer.from("during")));
    silent.send(publish(Buffer.from("during")));
    // Who has not published is served as ever.
    await consumer.openChannel(2);
    expect(queue()?.readyCount).toBe(2);

    fixture.broker.alarms.set("memory", "test", false);
    await publisher.expect(connectionUnblocked);
    await until(() => queue()?.readyCount === 4);
    expect(consumer.received.includes(Buffer.of(0, 10, 0, 60))).toBe(false);
    expect(silent.received.includes(Buffer.of(0, 10, 0, 60))).toBe(false);
  });

  it("that is on already blocks at the first publish", async () => {
    const fixture = await startAdapter();
    fixture.broker.alarms.set("disk", "test", true);
    const publisher = await fixture.client({ capabilities: ["connection.blocked"] });
    publisher.send(publish(Buffer.from("x")));
    expect(await publisher.expect(connectionBlocked)).toEqual({ reason: "low on disk" });
  });
});

describe("a disk that cannot keep up", () => {
  it("holds back who publishes and nobody else, until it has caught up", async () => {
    let pendingBytes = 0;
    const storage = new MemoryStorage();
    Object.defineProperty(storage, "pendingBytes", { get: () => pendingBytes });
    const fixture = await startAdapter({ storage, brokerLimits: { undurableBytesMax: 1000 } });
    const publisher = await fixture.client();
    const consumer = await fixture.client();
    await declare(consumer);
    pendingBytes = 2000;
    publisher.send(publish(Buffer.from("taken before anybody looked")));
    await until(() => fixture.broker.totals.published === 1);
    publisher.send(publish(Buffer.from("held")));
    await consumer.openChannel(2);
    expect(fixture.broker.totals.published).toBe(1);
    pendingBytes = 0;
    fixture.broker.store.durable();
    await until(() => fixture.broker.totals.published === 2);
  });
});

describe("a client that does not read", () => {
  const body = Buffer.alloc(100_000, 0x62);

  it("gets no more deliveries than fit the bound, and all of them once it reads", async () => {
    const fixture = await startAdapter({ brokerLimits: { outboxBytesMax: 200_000 } });
    const sender = await fixture.client();
    const lazy = await fixture.client();
    await declare(lazy);
    const flags = { noLocal: false, noAck: true, exclusive: false, nowait: false };
    await lazy.call(
      1,
      basicConsume,
      { ticket: 0, queue: "q", consumerTag: "", ...flags, arguments: [] },
      basicConsumeOk,
    );
    lazy.socket.pause();
    const count = 400;
    for (let sent = 0; sent < count; sent++) sender.send(publish(body));
    // 40 MB are more than the sockets' buffers hold: most of it must stay in the queue.
    const ready = () => fixture.broker.virtualHosts.get("/")?.queues.get("q")?.readyCount ?? 0;
    const delivered = () => fixture.broker.totals.delivered;
    await until(() => fixture.broker.totals.published === count);
    expect(ready() + delivered()).toBe(count);
    expect(ready()).toBeGreaterThan(count / 4);
    lazy.socket.resume();
    for (let got = 0; got < count; got++) {
      await lazy.expect(basicDeliver);
      expect((await lazy.content()).body.length).toBe(body.length);
    }
    expect(ready()).toBe(0);
  });

  const bounded = {
    "by its own bound": { limits: { outboxStopBytes: 300_000 }, brokerLimits: { outboxBytesMax: 100_000 } },
    "by that of all": { brokerLimits: { outboxTotalBytesMax: 300_000, outboxBytesMin: 50_000 } },
  };
  it.each(Object.entries(bounded))(
    "and goes on asking is not read from, so that its answers stay bounded: %s",
    async (_, options) => {
      const fixture = await startAdapter(options);
      const sender = await fixture.client();
      const lazy = await fixture.client();
      await declare(lazy);
      lazy.socket.pause();
      const count = 400;
      for (let sent = 0; sent < count; sent++) sender.send(publish(body));
      await until(() => fixture.broker.totals.published === count);
      lazy.send(...Array.from({ length: count }, () => method(1, basicGet, { ticket: 0, queue: "q", noAck: true })));
      await until(() => fixture.broker.totals.delivered > 0);
      await sender.openChannel(2);
      expect(fixture.broker.totals.delivered).toBeLessThan((count * 3) / 4);
      lazy.socket.resume();
      await until(() => fixture.broker.totals.delivered === count);
    },
  );

  it("beyond the hard bound is cut off, with a line in the log", async () => {
    const fixture = await startAdapter({ limits: { outboxStopBytes: 50_000, outboxCutBytes: 90_000 } });
    const client = await fixture.client();
    await declare(client);
    client.send(publish(body), method(1, basicGet, { ticket: 0, queue: "q", noAck: true }));
    await client.end();
    expect(fixture.log.join()).toContain("connection closed: the client does not read what it asked for");
  });
});
