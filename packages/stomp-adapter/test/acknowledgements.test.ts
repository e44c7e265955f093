import { describe, expect, it } from "vitest";
import { type AdapterFixture, queueOf, startAdapter } from "./adapter-fixture.ts";
import type { RawClient } from "./raw-client.ts";
import { bodies, messages } from "./received-messages.ts";

describe("acknowledgements", () => {
  async function threeOut(fixture: AdapterFixture, version: string, ack: string): Promise<[RawClient, string[]]> {
    const client = await fixture.client({ "accept-version": version });
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q", ack });
    // Another subscription in between: its deliveries are none of the first one's business.
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/other", ack });
    client.frame("SEND", { destination: "/queue/other" }, "0");
    for (const body of ["1", "2", "3"]) client.frame("SEND", { destination: "/queue/q" }, body);
    const frames = await messages(client, 4);
    const header = version === "1.2" ? "ack" : "message-id";
    return [client, frames.slice(1).map((one) => one.headers[header] ?? "")];
  }

  it.each(["1.0", "1.1", "1.2"])("in mode client are for all before, of that subscription (%s)", async (version) => {
    const fixture = await startAdapter();
    const [client, [, second = ""]] = await threeOut(fixture, version, "client");
    await client.request("ACK", { [version === "1.2" ? "id" : "message-id"]: second, subscription: 0 });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(1);
    expect(queueOf(fixture, "other")?.unackedCount).toBe(1);
  });

  it("in mode client-individual are for one", async () => {
    const fixture = await startAdapter();
    const [client, [, second = "", third = ""]] = await threeOut(fixture, "1.2", "client-individual");
    await client.request("ACK", { id: second });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(2);
    await client.request("NACK", { id: third, requeue: "false" });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(1);
    expect(fixture.broker.totals.dropped.rejected).toBe(1);
  });

  it("that refuse bring the message again", async () => {
    const fixture = await startAdapter();
    const [client, [first = "", second = ""]] = await threeOut(fixture, "1.2", "client");
    client.frame("NACK", { id: second });
    const again = await messages(client, 2);
    expect(again.map((one) => [one.body.toString(), one.headers["redelivered"]])).toEqual([
      ["1", "true"],
      ["2", "true"],
    ]);
    client.frame("ACK", { id: first });
    expect((await client.expect("ERROR")).body.toString()).toContain("unknown delivery tag 1");
  });

  it("are possible after UNSUBSCRIBE, and what was not acknowledged goes back at the end", async () => {
    const fixture = await startAdapter();
    const [client, [first = "", second = ""]] = await threeOut(fixture, "1.2", "client-individual");
    await client.request("UNSUBSCRIBE", { id: 0 });
    await client.request("ACK", { id: second });
    await client.request("ACK", { id: first });
    expect(queueOf(fixture, "q")).toMatchObject({ unackedCount: 1, readyCount: 0 });
    await client.request("DISCONNECT");
    await client.end();
    expect(queueOf(fixture, "q")).toMatchObject({ unackedCount: 0, readyCount: 1 });
  });

  it("limit what is out to prefetch-count, of this subscription alone", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", {
      id: 0,
      destination: "/queue/a",
      ack: "client-individual",
      "prefetch-count": 2,
    });
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/b", ack: "client-individual" });
    for (let body = 0; body < 5; body++) client.frame("SEND", { destination: "/queue/a" }, `${body}`);
    for (let body = 0; body < 5; body++) client.frame("SEND", { destination: "/queue/b" }, `${body}`);
    const frames = await messages(client, 7);
    expect(frames.filter((one) => one.headers["subscription"] === "0")).toHaveLength(2);
    client.frame("ACK", { id: frames[0]?.headers["ack"] ?? "" });
    expect(await bodies(client, 1)).toEqual(["2"]);
  });

  it("of another session count for nothing", async () => {
    const fixture = await startAdapter();
    const [, [first = ""]] = await threeOut(fixture, "1.1", "client");
    const other = await fixture.client({ "accept-version": "1.1" });
    await other.request("SUBSCRIBE", { id: 0, destination: "/topic/a", ack: "client" });
    other.frame("ACK", { "message-id": first, subscription: 0 });
    expect((await other.expect("ERROR")).headers["message"]).toBe("Invalid header");
  });
});
