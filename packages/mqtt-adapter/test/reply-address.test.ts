import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replyKeyOfTopic, replyToOf, responseTopicOf, writeTopicPathsOnly } from "../src/reply-address.ts";

describe("reply addresses", () => {
  it.each([
    ["answers/7", "/topic/answers.7"],
    ["answers/v1.2", "/mqtt/answers/v1.2"],
    ["50%25/a", "/topic/50%2525.a"],
    ["/", "/topic/."],
    ["$reply-to/amq.gen-Xa2", "amq.gen-Xa2"],
    ["$reply-to//queue/answers", "/queue/answers"],
    ["$reply-to/a%2Bb", "a+b"],
    // Not as we would write them: they stay topics.
    ["$reply-to//topic/a.b", "/mqtt/$reply-to//topic/a.b"],
    ["$reply-to/a%41", "/topic/$reply-to.a%2541"],
  ])("of the response topic %s: %s", (topic, replyTo) => {
    expect(replyToOf(topic)).toBe(replyTo);
    expect(responseTopicOf(replyTo)).toBe(topic);
  });

  it.each([
    ["/topic/a.b", "a/b"],
    ["/topic/a%2Eb", "a/b"],
    // A key whose topic would lead to another key is answered by its path.
    ["/topic/a%2Fb", "$reply-to//topic/a%252Fb"],
    ["/topic/a/b", "$reply-to//topic/a/b"],
    ["/mqtt/a/#", "$reply-to//mqtt/a/%23"],
    ["/exchange/x/k", "$reply-to//exchange/x/k"],
    ["", null],
  ])("of other protocols: %s is %s", (replyTo, topic) => {
    expect(responseTopicOf(replyTo)).toBe(topic);
  });

  it("lead to the default exchange with the name of the queue", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 30 }), (name) => {
        const topic = responseTopicOf(name) as string;
        expect(topic).not.toMatch(/[+#\0]/);
        if (topic.startsWith("$reply-to/")) expect(replyKeyOfTopic(topic)).toBe(name.toWellFormed());
      }),
    );
  });

  it("are none for other topics", () => {
    expect(replyKeyOfTopic("a/b")).toBeNull();
    expect(replyKeyOfTopic("$reply-to")).toBeNull();
  });
});

// Last: there is no way back.
describe("reply addresses where topics are keys of another exchange than amq.topic", () => {
  it.each([
    ["answers/7", "/mqtt/answers/7"],
    ["answers/v1.2", "/mqtt/answers/v1.2"],
    ["50%25/a", "/mqtt/50%25/a"],
    ["$reply-to//topic/a.b", "/topic/a.b"],
    ["$reply-to/amq.gen-Xa2", "amq.gen-Xa2"],
    ["$reply-to//exchange/x/k", "/exchange/x/k"],
  ])("of the response topic %s: %s", (topic, replyTo) => {
    writeTopicPathsOnly();
    expect(replyToOf(topic)).toBe(replyTo);
    expect(responseTopicOf(replyTo)).toBe(topic);
  });
});
