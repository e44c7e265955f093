import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

const limits = { subscriptionsPerSessionMax: 3 };

describe("the limit of subscriptions", () => {
  it("counts the filters of one packet, each once", async () => {
    const fixture = await startAdapter({ limits });
    const client = await fixture.client();
    expect(await client.subscribe("a", "b", "c", "a", "d", "e")).toEqual([0, 0, 0, 0, 0x97, 0x97]);
    // What it has can be asked for again, anything else cannot.
    expect(await client.subscribe({ topic: "b", qos: 1 }, "f", "c")).toEqual([1, 0x97, 0]);
    client.packet({ cmd: "publish", topic: "d", payload: "", qos: 1, messageId: 7, dup: false, retain: false });
    expect((await client.expect("puback")).reasonCode).toBe(0x10);
  });

  it("counts shared subscriptions too, and has room again after UNSUBSCRIBE", async () => {
    const fixture = await startAdapter({ limits });
    const client = await fixture.client({ protocolVersion: 4 });
    expect(await client.subscribe("a", "$share/g/b", "$share/h/b", "c")).toEqual([0, 0, 0, 0x80]);
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a", "$share/g/b"] });
    await client.expect("unsuback");
    expect(await client.subscribe("c", "d", "e")).toEqual([0, 0, 0x80]);
  });

  it("does not count a filter that is none", async () => {
    const fixture = await startAdapter({ limits });
    const client = await fixture.client();
    expect(await client.subscribe("a#", "$share//x", "a", "b", "c")).toEqual([0x8f, 0x8f, 0, 0, 0]);
  });
});
