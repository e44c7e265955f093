import { describe, expect, it } from "vitest";
import { queueNames, queueOf, startAdapter } from "./adapter-fixture.ts";
import { bodies, messages } from "./received-messages.ts";

describe("selectors", () => {
  it("of a topic subscription leave nothing behind of what they refuse", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", {
      id: 0,
      destination: "/topic/a",
      selector: "price > 10 AND color = 'red'",
      ack: "client",
    });
    for (const [price, color] of [
      [5, "red"],
      [15, "blue"],
      [20, "red"],
      [30, "red"],
    ] as const) {
      client.frame("SEND", { destination: "/topic/a", price, color }, `${price}`);
    }
    expect(await bodies(client, 2)).toEqual(["20", "30"]);
    const [name = ""] = queueNames(fixture);
    expect(queueOf(fixture, name)).toMatchObject({ readyCount: 0, unackedCount: 2 });
  });

  it("of a shared queue leave the rest to others", async () => {
    const fixture = await startAdapter();
    const red = await fixture.client();
    await red.request("SUBSCRIBE", { id: 0, destination: "/queue/q", selector: "color = 'red'" });
    for (const [index, color] of ["blue", "red", "green", "red"].entries()) {
      await red.request("SEND", { destination: "/queue/q", color }, `${index}`).then((before) => {
        expect(before).toHaveLength(color === "red" ? 1 : 0);
      });
    }
    expect(queueOf(fixture, "q")?.readyCount).toBe(2);
    const blue = await fixture.client();
    await blue.request("SUBSCRIBE", { id: 0, destination: "/queue/q", selector: "color = 'blue'" });
    expect(await bodies(blue, 1)).toEqual(["0"]);
    const all = await fixture.client();
    await all.request("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    expect(await bodies(all, 1)).toEqual(["2"]);
  });

  it("see properties by their header and by their name in Jakarta Messaging", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const selectors = [
      "JMSPriority = 7",
      "JMSDeliveryMode = 'PERSISTENT'",
      "JMSCorrelationID LIKE 'c-%'",
      "JMSType = 't' AND type = 't'",
      "JMSMessageID = 'm'",
      "JMSTimestamp = 1700000000000 AND timestamp = 1700000000",
      "JMSReplyTo IS NOT NULL",
      "JMSExpiration > 0",
      "\"content-type\" = 'text/plain'",
      "JMSDestination = '/topic/a'",
    ];
    for (const [id, selector] of selectors.entries()) {
      await client.request("SUBSCRIBE", { id, destination: "/topic/a", selector: selector.replaceAll(":", "\\c") });
    }
    client.frame("SEND", { destination: "/topic/a" }, "plain");
    client.frame(
      "SEND",
      {
        destination: "/topic/a",
        priority: 7,
        persistent: "true",
        "correlation-id": "c-1",
        type: "t",
        "amqp-message-id": "m",
        timestamp: 1_700_000_000,
        "reply-to": "/queue/r",
        expiration: 100_000,
        "content-type": "text/plain",
      },
      "full",
    );
    const frames = await messages(client, selectors.length + 1);
    const full = frames
      .filter((one) => one.body.toString() === "full")
      .map((one) => Number(one.headers["subscription"]));
    expect(full.sort((left, right) => left - right)).toEqual(selectors.map((_, id) => id));
    // The destination alone is what the plain message has.
    expect(frames.find((one) => one.body.toString() === "plain")?.headers["subscription"]).toBe("9");
  });

  it("and no-local keep a client's own messages from it, and from nobody else", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const other = await fixture.client();
    await client.request("SUBSCRIBE", { id: "own", destination: "/topic/a" });
    await client.request("SUBSCRIBE", { id: "foreign", destination: "/topic/a", "no-local": "true" });
    await other.request("SUBSCRIBE", { id: "theirs", destination: "/topic/a", "no-local": "true" });
    await client.request("SEND", { destination: "/topic/a" }, "mine").then((before) => {
      expect(before.map((one) => one.headers["subscription"])).toEqual(["own"]);
    });
    expect(await bodies(other, 1)).toEqual(["mine"]);
    await other.request("SEND", { destination: "/topic/a" }, "theirs").then((before) => expect(before).toEqual([]));
    const got = await messages(client, 2);
    expect(got.map((one) => one.headers["subscription"]).sort()).toEqual(["foreign", "own"]);
  });
});
