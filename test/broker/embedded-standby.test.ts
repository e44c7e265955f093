import { connect } from "amqplib";
import { type BrokerState, createBroker, type CreateBrokerOptions, type EmbeddedBroker } from "@jackalope/server";
import { expect, onTestFinished, test } from "vitest";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  messagesOf,
  quiet,
} from "../harness/amqplib-client.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { once, waitFor } from "../harness/waiting.ts";

const leaseKey = "jackalope:{default:0}:lease";

interface Watched {
  readonly states: BrokerState[];
  readonly opening: Promise<EmbeddedBroker>;
}

/** An embedded broker on a Redis that others may use too. */
function open(redis: RedisServer, options: CreateBrokerOptions = {}): Watched {
  const states: BrokerState[] = [];
  const end = new AbortController();
  const opening = createBroker({
    store: redis.address,
    redisLease: 600,
    onStateChange: (state) => states.push(state),
    signal: end.signal,
    ...options,
  });
  onTestFinished(async () => {
    end.abort();
    await (await opening.catch(() => null))?.close();
  });
  return { states, opening };
}

test("of two embedded brokers the second one resolves when the first has closed", async () => {
  const redis = await RedisServer.start();
  const first = await open(redis).opening;
  const second = open(redis);
  await waitFor("the standby", () => second.states.some(({ kind }) => kind === "standby"));
  const channel = await amqplibConfirmChannel(first.url);
  await channel.assertQueue("work");
  channel.sendToQueue("work", Buffer.from("kept"), { persistent: true });
  await channel.waitForConfirms();
  await first.close();
  expect(first.state).toEqual({ kind: "stopping" });
  const leader = await second.opening;
  expect(second.states.map(({ kind }) => kind)).toEqual(["standby", "starting", "serving"]);
  const inbox = await messagesOf(await amqplibChannel(leader.url), "work");
  expect(String((await inbox.first(1))[0]?.content)).toBe("kept");
});

test("brokers of different cluster names both serve, and do not meet", async () => {
  const redis = await RedisServer.start();
  const one = await open(redis, { clusterName: "one" }).opening;
  const two = await open(redis, { clusterName: "two" }).opening;
  await (await amqplibChannel(one.url)).assertQueue("work");
  await expect((await amqplibChannel(two.url)).checkQueue("work")).rejects.toThrow("404");
});

test("an embedded broker whose lease was taken ends its clients, stands by, and serves again on the same port", async () => {
  const redis = await RedisServer.start();
  const watched = open(redis);
  const broker = await watched.opening;
  const before = broker.broker;
  const connection = await amqplibConnection(broker.url);
  const channel = quiet(await connection.createConfirmChannel());
  await channel.assertQueue("work");
  channel.sendToQueue("work", Buffer.from("kept"), { persistent: true });
  await channel.waitForConfirms();
  const closed = once<{ code: number }>("the close", (happened) => connection.once("close", happened));
  await redis.ask("SET", leaseKey, "somebody:1:else", "PX", "2500");
  expect(await closed).toMatchObject({ code: 320 });
  await waitFor("the standby", () => broker.state.kind === "standby");
  expect(broker.state).toEqual({ kind: "standby", leader: "somebody:1:else" });
  await expect(connect(broker.url)).rejects.toThrow("CONNECTION_FORCED");
  await waitFor("the broker to serve again", () => broker.state.kind === "serving");
  expect(broker.broker).not.toBe(before);
  const inbox = await messagesOf(await amqplibChannel(broker.url), "work");
  expect(String((await inbox.first(1))[0]?.content)).toBe("kept");
});
