import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { nth } from "../harness/nth.ts";
import { freshName } from "../harness/target.ts";
import type { Fields } from "./conversion/rows.ts";
import { topicRows } from "./conversion/topic-rows.ts";
import { type ConnectedPair, connectPair, type Pair, pairs } from "./participants/connect-participant.ts";
import type { Address } from "./participants/participant.ts";

const targets = new Map<string, InteropTarget>();
beforeAll(async () => {
  for (const engine of ["native", "aedes"] as const) targets.set(engine, await startInteropTarget(engine));
});
afterAll(async () => {
  for (const target of targets.values()) await target.close();
});

function speaksMqtt(protocol: string): boolean {
  return protocol.startsWith("mqtt");
}

/** Where the receiver finds the exact topic, beside the address. */
function topicHeader({ from, to }: Pair, topic: string | null): Fields {
  if (!speaksMqtt(from) || speaksMqtt(to) || topic === null) return {};
  return { [to === "amqp" ? "header x-mqtt-topic" : "x-mqtt-topic"]: topic };
}

describe.each(pairs)("from $from to $to, $engine", (pair) => {
  const { engine, from, to } = pair;
  let connected: ConnectedPair;
  beforeAll(async () => {
    const target = targets.get(engine);
    if (target === undefined) throw new Error(`no broker for ${engine}`);
    connected = await connectPair(pair, target);
  });
  afterAll(() => connected.close());

  test.each(topicRows)("$title: $topic", async (row) => {
    const root = freshName("topic").replaceAll(".", "-");
    const below = (text: string, separator: string): string => root + separator + text;
    const sent: Address = {
      topic: below(row.topic, "/"),
      key: below(row.key, "."),
      destination: `/topic/${below(row.destination, ".")}`,
    };
    // Where the key does not tell the topic, MQTT knows the address of AMQP and STOMP by another topic.
    const seenTopic = speaksMqtt(from) ? sent.topic : below(row.topicOfKey ?? row.topic, "/");
    const inbox = await connected.receiver.receive({ ...sent, topic: seenTopic });
    await connected.sender.send(sent, {}, "body");
    const { address, fields } = nth(await inbox.first(1), 0);
    const addresses = { amqp: sent.key, stomp: sent.destination, mqtt5: seenTopic, mqtt311: seenTopic };
    expect(address).toBe(addresses[to]);
    expect(fields).toMatchObject(topicHeader(pair, row.hasHeader ? sent.topic : null));
    if (!row.hasHeader) expect(Object.keys(fields).join()).not.toContain("x-mqtt-topic");
  });
});
