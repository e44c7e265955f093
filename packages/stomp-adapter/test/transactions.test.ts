import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { queueOf, startAdapter } from "./adapter-fixture.ts";
import { bodies, messages } from "./received-messages.ts";

describe("transactions", () => {
  it("publish at COMMIT, all together", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/topic/a" });
    await client.request("BEGIN", { transaction: "t" });
    for (let body = 0; body < 3; body++) client.frame("SEND", { destination: "/topic/a", transaction: "t" }, `${body}`);
    expect(await client.request("SEND", { destination: "/topic/a" }, "outside")).toHaveLength(1);
    client.frame("COMMIT", { transaction: "t" });
    const received = await messages(client, 3);
    expect(received.map((one) => one.body.toString())).toEqual(["0", "1", "2"]);
    expect(received[0]?.names).not.toContain("transaction");
  });

  it("may be several at once, and forgotten", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    for (const transaction of ["a", "b", "c"]) {
      client.frame("BEGIN", { transaction });
      client.frame("SEND", { destination: "/queue/q", transaction }, transaction);
    }
    client.frame("COMMIT", { transaction: "c" });
    client.frame("ABORT", { transaction: "a" });
    await client.request("COMMIT", { transaction: "b" });
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    expect(await bodies(client, 2)).toEqual(["c", "b"]);
    client.frame("COMMIT", { transaction: "a" });
    expect((await client.expect("ERROR")).headers["message"]).toBe("Bad transaction");
  });

  it("hold acknowledgements, of several subscriptions, until COMMIT or for nothing", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/a", ack: "client" });
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/b", ack: "client-individual" });
    for (const queue of ["a", "b"]) {
      for (let body = 0; body < 2; body++) client.frame("SEND", { destination: `/queue/${queue}` }, `${body}`);
    }
    const [, , , last] = await messages(client, 4);
    const acks = ["1@2", "2@1"];
    const unacked = (): number =>
      (queueOf(fixture, "a")?.unackedCount ?? 0) + (queueOf(fixture, "b")?.unackedCount ?? 0);
    client.frame("BEGIN", { transaction: "t" });
    for (const id of acks) client.frame("ACK", { id, transaction: "t" });
    await client.request("ABORT", { transaction: "t" });
    expect(unacked()).toBe(4);
    client.frame("BEGIN", { transaction: "t" });
    for (const id of acks) client.frame("ACK", { id, transaction: "t" });
    await client.request("NACK", { id: last?.headers["ack"] ?? "", transaction: "t", requeue: "false" });
    expect(unacked()).toBe(4);
    await client.request("COMMIT", { transaction: "t" });
    expect(unacked()).toBe(0);
    expect(fixture.broker.totals.acknowledged).toBe(3);
  });

  it("that are open at the end give everything back", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q", ack: "client" });
    client.frame("SEND", { destination: "/queue/q" }, "1");
    const [message] = await messages(client, 1);
    client.frame("BEGIN", { transaction: "t" });
    client.frame("SEND", { destination: "/queue/q", transaction: "t" }, "never");
    await client.request("ACK", { id: message?.headers["ack"] ?? "", transaction: "t" });
    client.destroy();
    await until(() => queueOf(fixture, "q")?.readyCount === 1);
    expect(queueOf(fixture, "q")?.unackedCount).toBe(0);
  });

  it("have names that are open once, and are bounded in number", async () => {
    const fixture = await startAdapter({ limits: { transactionsMax: 2 } });
    const client = await fixture.client();
    await client.request("BEGIN", { transaction: "a" });
    client.frame("BEGIN", { transaction: "a" });
    expect((await client.expect("ERROR")).body.toString()).toBe("Transaction 'a' is already open\n");
    const other = await fixture.client();
    await other.request("BEGIN", { transaction: "a" });
    await other.request("BEGIN", { transaction: "b" });
    other.frame("BEGIN", { transaction: "c" });
    expect((await other.expect("ERROR")).body.toString()).toContain("More than 2 open transactions");
  });
});
