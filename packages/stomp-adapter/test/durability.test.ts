import { HeldStorage, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

describe("a receipt", () => {
  it("for SEND comes when the message is durable, and later ones wait for it", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q", ack: "client" });
    storage.hold();
    client.frame("SEND", { destination: "/queue/q", persistent: "true", receipt: 1 }, "body");
    client.frame("SEND", { destination: "/queue/q", receipt: 2 }, "transient");
    client.frame("BEGIN", { transaction: "t", receipt: 3 });
    // The deliveries do not wait; whatever receipt were allowed to come would have come before the second of them.
    await client.expect("MESSAGE");
    await client.expect("MESSAGE");
    await until(() => fixture.broker.totals.published === 2);
    storage.commit();
    for (const receipt of ["1", "2", "3"]) {
      expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe(receipt);
    }
  });

  it("for COMMIT and for DISCONNECT waits too", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const client = await fixture.client();
    await client.request("SEND", { destination: "/queue/q" }, "declares the queue");
    await client.request("BEGIN", { transaction: "t" });
    await client.request("SEND", { destination: "/queue/q", persistent: "true", transaction: "t" }, "1");
    storage.hold();
    client.frame("COMMIT", { transaction: "t", receipt: "commit" });
    client.frame("SEND", { destination: "/queue/q", persistent: "true", receipt: "send" }, "2");
    await until(() => fixture.broker.totals.published === 2);
    storage.commit();
    expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe("commit");
    expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe("send");
    storage.hold();
    client.frame("SEND", { destination: "/queue/q", persistent: "true", receipt: "last" }, "3");
    client.frame("DISCONNECT", { receipt: "bye" });
    await until(() => fixture.broker.totals.published === 4);
    expect(fixture.adapter.connectionCount).toBe(1);
    storage.commit();
    expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe("last");
    expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe("bye");
    await client.end();
  });

  it("does not come for a message that a full queue refuses: an ERROR names it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const limited = { destination: "/queue/full", "x-max-length": 1, "x-overflow": "reject-publish" };
    await client.request("SEND", limited, "fits");
    client.frame("SEND", { destination: "/queue/full", receipt: "too many" }, "does not");
    const error = await client.expect("ERROR");
    expect(error.headers).toMatchObject({ message: "Message refused", "receipt-id": "too many" });
    await client.end();
  });
});
