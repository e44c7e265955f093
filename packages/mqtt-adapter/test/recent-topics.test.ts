import { describe, expect, it } from "vitest";
import { PublishTopic, RecentTopics } from "../src/recent-topics.ts";

function topic(text: string): PublishTopic {
  return new PublishTopic(Buffer.from(text), text, "amq.topic", text, null, null);
}

function found(recent: RecentTopics, text: string): PublishTopic | null {
  const bytes = Buffer.from(`..${text}..`);
  return recent.find(bytes, 2, bytes.length - 2);
}

describe("recent topics", () => {
  it("are found by their bytes wherever those stand", () => {
    const recent = new RecentTopics();
    expect(found(recent, "a/b")).toBeNull();
    const known = topic("a/b");
    recent.remember(known);
    expect(found(recent, "a/b")).toBe(known);
    expect(found(recent, "a/c")).toBeNull();
    expect(found(recent, "a/b/c")).toBeNull();
  });

  it("stay mostly known while a thousand of them take turns, and none is mistaken for another", () => {
    const recent = new RecentTopics();
    const texts = Array.from({ length: 1000 }, (_, index) => `devices/${index}/temperature`);
    for (const text of texts) recent.remember(topic(text));
    let hits = 0;
    for (const text of texts) {
      const hit = found(recent, text);
      if (hit === null) continue;
      expect(hit.text).toBe(text);
      hits++;
    }
    expect(hits).toBeGreaterThan(800);
  });

  it("leave long topics out, and are bounded in number", () => {
    const recent = new RecentTopics();
    const long = "x".repeat(300);
    recent.remember(topic(long));
    expect(found(recent, long)).toBeNull();
    for (let index = 0; index < 20_000; index++) recent.remember(topic(`t/${index}`));
    let hits = 0;
    for (let index = 0; index < 20_000; index++) if (found(recent, `t/${index}`) !== null) hits++;
    expect(hits).toBeLessThanOrEqual(4096);
  });
});
