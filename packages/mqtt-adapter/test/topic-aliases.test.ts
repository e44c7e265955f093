import { Route } from "@jackalope/core/adapter";
import { describe, expect, it } from "vitest";
import { MqttError } from "../src/mqtt-error.ts";
import { PublishTopic } from "../src/recent-topics.ts";
import { IncomingAliases, OutgoingAliases } from "../src/topic-aliases.ts";

function reasonOf(run: () => unknown): number | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof MqttError) return error.reasonCode;
    throw error;
  }
}

describe("aliases of a client", () => {
  it("stand for the topic that was set last", () => {
    const aliases = new IncomingAliases(2);
    const [first, second] = ["a", "b"].map((text) => new PublishTopic(Buffer.from(text), text, "x", text, null, null));
    aliases.set(2, first as PublishTopic);
    expect(aliases.get(2)).toBe(first);
    aliases.set(2, second as PublishTopic);
    expect(aliases.get(2)).toBe(second);
  });

  it("are refused above the maximum with 0x94, and with 0x82 where they were never set", () => {
    const aliases = new IncomingAliases(2);
    expect(reasonOf(() => aliases.get(3))).toBe(0x94);
    expect(reasonOf(() => aliases.set(3, new PublishTopic(Buffer.from("a"), "a", "x", "a", null, null)))).toBe(0x94);
    expect(reasonOf(() => aliases.get(1))).toBe(0x82);
  });
});

describe("aliases of the broker", () => {
  it("go to the first topics, and then to those in use", () => {
    const aliases = new OutgoingAliases(2);
    const [a, b, c] = ["a", "b", "c"].map((key) => new Route("amq.topic", key)) as [Route, Route, Route];
    expect([aliases.find(a), aliases.assign(a), aliases.assign(b)]).toEqual([0, 1, 2]);
    expect([aliases.find(a), aliases.find(b)]).toEqual([1, 2]);
    expect(aliases.find(c)).toBe(0);
    const taken = aliases.assign(c);
    expect(aliases.find(c)).toBe(taken);
    const [loser, winner] = taken === 1 ? [a, b] : [b, a];
    expect(aliases.find(loser)).toBe(0);
    expect(aliases.find(winner)).toBe(taken === 1 ? 2 : 1);
  });

  it("belong to topics: routes of different publishers share them, exact topics have their own", () => {
    const aliases = new OutgoingAliases(8);
    aliases.assign(new Route("amq.topic", "a.b"));
    expect(aliases.find(new Route("amq.topic", "a.b"))).toBe(1);
    expect(aliases.find(new Route("amq.topic", "a.b", "a.b"))).toBe(0);
  });
});
