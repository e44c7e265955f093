import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { basicPublish } from "../src/methods/basic.ts";
import { channelClose, channelOpen, channelOpenOk } from "../src/methods/channel.ts";
import { queueDeclare, queueDeclareOk } from "../src/methods/queue.ts";
import { txCommit, txCommitOk, txSelect, txSelectOk } from "../src/methods/tx.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { contentHeader, frame, method, type RawClient } from "./raw-client.ts";

const mebibyte = 1024 * 1024;

/** The beginning of a message of which `sentBytes` of `bodyBytes` come. */
function unfinished(channel: number, bodyBytes: number, sentBytes: number): Buffer {
  const publish = { ticket: 0, exchange: "", routingKey: "q", mandatory: false, immediate: false };
  const parts = [method(channel, basicPublish, publish), contentHeader(channel, bodyBytes, Buffer.alloc(2))];
  for (let at = 0; at < sentBytes; at += 100_000) {
    parts.push(frame(3, channel, Buffer.alloc(Math.min(100_000, sentBytes - at))));
  }
  return Buffer.concat(parts);
}

async function declare(client: RawClient, queue: string): Promise<void> {
  const flags = { passive: false, durable: false, exclusive: false, autoDelete: false, nowait: false };
  await client.call(1, queueDeclare, { ticket: 0, queue, ...flags, arguments: [] }, queueDeclareOk);
}

describe("memory that a connection has open", () => {
  it("counts messages that have not come whole, and forgets them with their connection", async () => {
    const { broker, client } = await startAdapter();
    const [publisher, other] = [await client(), await client()];
    const before = broker.topologyBytes;
    publisher.send(unfinished(1, 16 * mebibyte, 2 * mebibyte));
    other.send(unfinished(1, 16 * mebibyte, 2 * mebibyte));
    await until(() => broker.topologyBytes - before > 4 * mebibyte);
    other.destroy();
    await until(() => broker.connections.size === 1);
    expect(broker.topologyBytes - before).toBeLessThan(4.5 * mebibyte);
    publisher.destroy();
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBeLessThan(before);
  });

  it("has nothing left of a message that came whole, or is too long for its header", async () => {
    const { broker, client } = await startAdapter();
    const publisher = await client();
    await declare(publisher, "q");
    publisher.send(unfinished(1, 100_001, 1));
    await until(() => broker.topologyBytes > 60_000);
    const most = broker.topologyBytes;
    publisher.send(frame(3, 1, Buffer.alloc(100_000)));
    await until(() => broker.totals.published === 1);
    expect(broker.topologyBytes).toBeLessThan(most - 60_000);
  });

  it("is bounded: the message, the transaction or the channel beyond it is answered 406", async () => {
    const { broker, client } = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 3 * mebibyte } });
    const publisher = await client();
    await declare(publisher, "q");
    await publisher.call(2, channelOpen, { outOfBand: "" }, channelOpenOk);
    publisher.send(unfinished(1, 16 * mebibyte, 2 * mebibyte), unfinished(2, 16 * mebibyte, 2 * mebibyte));
    const refused = await publisher.expect(channelClose);
    expect([refused.replyCode, refused.replyText]).toEqual([
      406,
      expect.stringContaining("PRECONDITION_FAILED - the message is not taken: topology memory limit of connection"),
    ]);
    expect(broker.topologyBytes).toBeLessThan(3 * mebibyte);
  });

  it("counts what a transaction holds until it is over", async () => {
    const { broker, client } = await startAdapter();
    const publisher = await client();
    await declare(publisher, "q");
    await publisher.call(1, txSelect, {}, txSelectOk);
    const before = broker.topologyBytes;
    for (let index = 0; index < 100; index++) publisher.send(unfinished(1, 1000, 1000));
    await until(() => broker.topologyBytes - before > 100_000);
    await publisher.call(1, txCommit, {}, txCommitOk);
    expect(broker.topologyBytes - before).toBeLessThan(1000);
  });

  it("a transaction beyond it is answered 406 and forgotten", async () => {
    const { broker, client } = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 100_000 } });
    const publisher = await client();
    await declare(publisher, "q");
    await publisher.call(1, txSelect, {}, txSelectOk);
    for (let index = 0; index < 100; index++) publisher.send(unfinished(1, 1000, 1000));
    const refused = await publisher.expect(channelClose);
    expect([refused.replyCode, refused.replyText]).toEqual([
      406,
      expect.stringContaining("the transaction takes no more"),
    ]);
    expect(broker.topologyBytes).toBeLessThan(20_000);
  });

  it("while it is low a queue that is new is refused with 406, and one that is there is declared again", async () => {
    const { broker, client } = await startAdapter();
    const publisher = await client();
    await declare(publisher, "q");
    broker.alarms.set("memory", "test", true);
    await declare(publisher, "q");
    const flags = { passive: false, durable: false, exclusive: false, autoDelete: false, nowait: false };
    publisher.send(method(1, queueDeclare, { ticket: 0, queue: "new", ...flags, arguments: [] }));
    expect(await publisher.expect(channelClose)).toMatchObject({
      replyCode: 406,
      replyText: "PRECONDITION_FAILED - cannot declare queue 'new' in vhost '/': memory is low",
    });
  });
});
