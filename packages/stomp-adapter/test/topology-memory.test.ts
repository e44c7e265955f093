import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

describe("memory that a connection has open", () => {
  it("counts subscriptions and transactions, and forgets them with the connection", async () => {
    const fixture = await startAdapter();
    const { broker } = fixture;
    const client = await fixture.client();
    const before = broker.topologyBytes;
    await client.request("SUBSCRIBE", { id: 0, destination: "/topic/a" });
    expect(broker.topologyBytes - before).toBeGreaterThan(4000);
    client.frame("BEGIN", { transaction: "t" });
    await client.request("SEND", { destination: "/topic/a", transaction: "t" }, "x".repeat(100_000));
    expect(broker.topologyBytes - before).toBeGreaterThan(104_000);
    await client.request("ABORT", { transaction: "t" });
    expect(broker.topologyBytes - before).toBeLessThan(20_000);
    await client.request("UNSUBSCRIBE", { id: 0 });
    expect(broker.topologyBytes - before).toBeLessThan(2000);
  });

  it("counts the names of open transactions, and refuses to begin what there is no room for", async () => {
    const fixture = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 100_000 } });
    const { broker } = fixture;
    const client = await fixture.client();
    const before = broker.topologyBytes;
    const name = "n".repeat(10_000);
    for (let index = 0; index < 5; index++) client.frame("BEGIN", { transaction: `${index}${name}` });
    await client.request("COMMIT", { transaction: `0${name}` });
    expect(broker.topologyBytes - before).toBeGreaterThan(40_000);
    expect(broker.topologyBytes - before).toBeLessThan(50_000);
    for (let index = 5; index < 15; index++) client.frame("BEGIN", { transaction: `${index}${name}` });
    const { headers, body } = await client.expect("ERROR");
    expect([headers["message"], body.toString()]).toEqual([
      "quota_exceeded",
      expect.stringContaining("the transaction is not begun: topology memory limit of connection"),
    ]);
    client.destroy();
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBeLessThan(before);
  });

  it("counts frames that have not come whole, and answers ERROR where they become too much", async () => {
    const fixture = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 1_000_000 } });
    const { broker } = fixture;
    const client = await fixture.client();
    const before = broker.topologyBytes;
    const head = "SEND\ndestination:/topic/t\ncontent-length:500000\n\n";
    client.send(head, Buffer.alloc(300_000));
    await until(() => broker.topologyBytes - before >= 300_000);
    client.send(Buffer.alloc(200_001));
    await until(() => broker.totals.published === 1);
    expect(broker.topologyBytes - before).toBeLessThan(5000);
    client.send(head.replace("500000", "2000000"), Buffer.alloc(1_100_000));
    const { headers, body } = await client.expect("ERROR");
    expect([headers["message"], body.toString()]).toEqual([
      "quota_exceeded",
      expect.stringContaining("the frame is not taken: topology memory limit of connection"),
    ]);
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBeLessThan(before);
  });

  it("is bounded, and a subscription beyond it is answered ERROR", async () => {
    const fixture = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 40_000 } });
    const client = await fixture.client();
    for (let id = 0; id < 20; id++) client.frame("SUBSCRIBE", { id, destination: `/topic/${id}` });
    const { headers, body } = await client.expect("ERROR");
    expect([headers["message"], body.toString()]).toEqual([
      "quota_exceeded",
      expect.stringContaining("topology memory limit of connection"),
    ]);
  });

  it("while it is low new subscriptions to topics are refused, and those to queues that are there are not", async () => {
    const fixture = await startAdapter();
    await (await fixture.client()).request("SEND", { destination: "/queue/q" }, "hello");
    const client = await fixture.client();
    fixture.broker.alarms.set("memory", "test", true);
    client.frame("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    expect((await client.expect("MESSAGE")).body.toString()).toBe("hello");
    client.frame("SUBSCRIBE", { id: 1, destination: "/topic/t" });
    expect((await client.expect("ERROR")).headers["message"]).toBe("quota_exceeded");
  });
});
