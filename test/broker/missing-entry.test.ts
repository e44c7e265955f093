import { expect, test } from "vitest";
import { amqplibChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { startClusterBroker } from "../harness/cluster-broker.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { fillQueue } from "../harness/stale-leader.ts";
import { stayingNoAckConsumer } from "../harness/staying-client.ts";
import { waitFor } from "../harness/waiting.ts";

/** Deletes the second of three entries. */
const deleteEntry = `
  local keys = redis.call('KEYS', 'jackalope:{default:0}:queue:*')
  local entries = redis.call('XRANGE', keys[1], '-', '+')
  if #keys ~= 1 or #entries ~= 3 then return 'not three entries of one stream' end
  return redis.call('XDEL', keys[1], entries[2][1])`;

test("where Redis lacks a stored message the broker begins again, and delivers the others", async () => {
  const redis = await RedisServer.start();
  const first = await startClusterBroker(redis.address);
  await first.becomes("ready");
  for (const body of ["one", "two", "three"]) await fillQueue(first, "holed", [body]);
  await first.end("SIGTERM");
  // It knows of the messages, and has none of them in memory.
  const broker = await startClusterBroker(redis.address);
  await broker.becomes("ready");
  expect(await redis.ask("EVAL", deleteEntry, "0")).toBe(":1");
  const consumer = await stayingNoAckConsumer(broker, "holed");
  await waitFor("the end of the connection", () => consumer.ended);
  expect(consumer.given).toEqual([]);
  await waitFor("a new beginning", () => broker.log.filter(({ msg }) => msg === "ready").length === 2);
  const inbox = await messagesOf(await amqplibChannel(broker.amqpUrl), "holed");
  expect(texts(await inbox.first(2))).toEqual(["one", "three"]);
  expect(broker.log.filter(({ msg }) => msg.startsWith("this broker leads no more"))).toMatchObject([
    { level: "error", error: expect.stringContaining("Redis has lost messages that nobody has settled") },
  ]);
});
