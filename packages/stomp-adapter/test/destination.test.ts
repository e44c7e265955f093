import { describe, expect, it } from "vitest";
import { addressOf, formatDestination, parseDestination } from "../src/destination.ts";
import { StompError } from "../src/stomp-error.ts";

const good: readonly (readonly [text: string, kind: string, exchange: string, routingKey: string])[] = [
  ["/queue/q", "queue", "", "q"],
  ["/queue/a.b c", "queue", "", "a.b c"],
  ["/queue/a%2Fb", "queue", "", "a/b"],
  ["/queue/a%2fb%25", "queue", "", "a/b%"],
  ["/queue/100%", "queue", "", "100%"],
  ["/queue/gr%C3%BC%C3%9Fe", "queue", "", "grüße"],
  ["bare", "queue", "", "bare"],
  ["/amq/queue/amq.gen-x", "amq-queue", "", "amq.gen-x"],
  ["/topic/a.*.#", "topic", "amq.topic", "a.*.#"],
  ["/topic/a%2Fb", "topic", "amq.topic", "a/b"],
  ["/exchange/x", "exchange", "x", ""],
  ["/exchange/x/k", "exchange", "x", "k"],
  ["/exchange/x/", "exchange", "x", ""],
  ["/exchange/a%2Fb/c%2Fd", "exchange", "a/b", "c/d"],
  ["/temp-queue/reply", "temp-queue", "", "reply"],
  ["/reply-queue/amq.gen-x", "reply-queue", "", "amq.gen-x"],
  ["/reply-queue/with/slashes", "reply-queue", "", "with/slashes"],
];

const types = "/temp-queue, /exchange, /topic, /queue, /amq/queue, /reply-queue";
const bad: readonly (readonly [text: string, title: string, explanation: string])[] = [
  ["", "Invalid destination", "Destination cannot be blank"],
  ["/queue/", "Invalid destination", "Destination cannot be blank"],
  ["/queue", "Invalid destination", "'' is not a valid queue destination\n"],
  ["/queue/a/b", "Invalid destination", "'/a/b' is not a valid queue destination\n"],
  ["/topic/", "Invalid destination", "'/' is not a valid topic destination\n"],
  ["/topic/a/b", "Invalid destination", "'/a/b' is not a valid topic destination\n"],
  ["/amq/queue/", "Invalid destination", "'/' is not a valid amq_queue destination\n"],
  ["/exchange", "Invalid destination", "'' is not a valid exchange destination\n"],
  ["/exchange//k", "Invalid destination", "'//k' is not a valid exchange destination\n"],
  ["/exchange/x/k/l", "Invalid destination", "'/x/k/l' is not a valid exchange destination\n"],
  ["/temp-queue/", "Invalid destination", "'/' is not a valid temp_queue destination\n"],
  ["/else/x", "Unknown destination", `'/else/x' is not a valid destination.\nValid destination types are: ${types}.\n`],
  ["/amq/topic/x", "Unknown destination", "'/amq/topic/x' is not"],
  ["/reply-queue", "Unknown destination", "'/reply-queue' is not"],
  ["//queue/x", "Unknown destination", "'//queue/x' is not"],
  ["queue/x", "Unknown destination", "'queue/x' is not"],
];

describe("parseDestination", () => {
  it.each(good)("%s", (text, kind, exchange, routingKey) => {
    const destination = parseDestination(text);
    expect(destination.kind).toBe(kind);
    expect(addressOf(destination)).toMatchObject({ exchange, routingKey });
  });

  it.each(bad)("refuses '%s'", (text, title, explanation) => {
    const parse = (): unknown => parseDestination(text);
    expect(parse).toThrow(StompError);
    expect(parse).toThrow(explanation);
    expect(parse).toThrow(expect.objectContaining({ title }));
  });
});

describe("a name in a destination", () => {
  const longest = "é".repeat(127) + "q";

  it.each(["/queue/", "/amq/queue/", "/topic/", "/exchange/", "/exchange/x/", ""])(
    "behind '%s' has 255 bytes",
    (prefix) => {
      expect(() => parseDestination(prefix + longest)).not.toThrow();
      for (const name of [`${longest}q`, "q".repeat(256), `${"q".repeat(253)}%E2%82%AC`]) {
        expect(() => parseDestination(prefix + name)).toThrow("A name in the destination has more than 255 bytes");
      }
    },
  );

  it("may be a whole topic where it is a path", () => {
    expect(addressOf(parseDestination(`/mqtt/${"t".repeat(60_000)}`)).routingKey).toHaveLength(60_006);
    for (const path of ["/mqtt/", "/reply-queue/"]) {
      expect(() => parseDestination(path + "t".repeat(65_536))).toThrow("more than 65535 bytes");
    }
  });
});

describe("formatDestination", () => {
  it.each([
    ["", "q", "/queue/q"],
    ["", "a/b%ü", "/queue/a%2Fb%25%C3%BC"],
    ["amq.topic", "a.b", "/topic/a.b"],
    ["x", "k", "/exchange/x/k"],
    ["x", "", "/exchange/x"],
    ["x\n", "k\r", "/exchange/x%0A/k%0D"],
  ])("%s and %s", (exchange, routingKey, text) => {
    expect(formatDestination(exchange, routingKey)).toBe(text);
    expect(addressOf(parseDestination(text))).toMatchObject({ exchange, routingKey });
  });
});
