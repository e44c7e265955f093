import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyOfFilter, keyOfTopic, topicIsPlain, topicOfKey } from "../../src/exchange/topic-name.ts";

describe("topics and routing keys", () => {
  test("a slash is a dot, in filters also a plus a star", () => {
    expect(keyOfTopic("sensors/1/temp")).toBe("sensors.1.temp");
    expect(keyOfFilter("sensors/+/#")).toBe("sensors.*.#");
    expect(topicOfKey("sensors.1.temp")).toBe("sensors/1/temp");
    expect(topicOfKey(".leading")).toBe("/leading");
  });

  test("a key never becomes a topic that no client may get", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "+", "#", "*", "\0", "%") }), (key) => {
        const topic = topicOfKey(key);
        expect(topic.length).toBeGreaterThan(0);
        expect(topic).not.toMatch(/[+#\0]/);
      }),
    );
  });

  test("a plain topic comes back from its key", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: fc.constantFrom("a", ".", "/", "*", "%", "$") }), (topic) => {
        if (topicIsPlain(topic)) expect(topicOfKey(keyOfTopic(topic))).toBe(topic);
      }),
    );
  });
});
