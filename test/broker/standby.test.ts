import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectAmqp } from "amqplib";
import { Client } from "@stomp/stompjs";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  messagesOf,
  quiet,
} from "../harness/amqplib-client.ts";
import { startBrokerPair } from "../harness/broker-pair.ts";
import { type ClusterBroker, startClusterBroker } from "../harness/cluster-broker.ts";
import { mqttjsClient, refusalOf } from "../harness/mqttjs-client.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { Inbox, once, waitFor } from "../harness/waiting.ts";

const refusal = "this broker stands by while another one serves";

/** What a stompjs client is told in place of CONNECTED, and the close code of its WebSocket. */
async function stompRefusal(url: string): Promise<readonly [message: string | undefined, closeCode: number]> {
  const client = new Client({ webSocketFactory: () => new WebSocket(url, ["v12.stomp"]), reconnectDelay: 0 });
  onTestFinished(() => client.deactivate({ force: true }));
  let message: string | undefined;
  client.onStompError = (frame) => (message = frame.headers["message"]);
  const { code } = await once<{ code: number }>("the end of the WebSocket", (happened) => {
    client.onWebSocketClose = happened;
    client.activate();
  });
  return [message, code];
}

describe("a standby", () => {
  test("refuses clients of every protocol in its words, and tells operators who leads", async () => {
    const [leader, standby] = await startBrokerPair();
    await expect(connectAmqp(standby.amqpUrl)).rejects.toThrow(
      `320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - ${refusal}"`,
    );
    expect(await refusalOf(standby.mqtt, { protocolVersion: 5 })).toBe(0x88);
    expect(await refusalOf(standby.mqtt, { protocolVersion: 4 })).toBe(3);
    expect(await stompRefusal(standby.stomp.webSocketUrl)).toEqual([refusal, 1013]);

    const leaderName = `${hostname()}:${leader.child.pid}:`;
    expect(await standby.readiness()).toEqual({ status: "standby", reason: expect.stringContaining(leaderName) });
    expect(standby.log.filter((line) => line.msg.startsWith("standby"))).toMatchObject([
      { level: "info", leader: expect.stringContaining(leaderName) },
    ]);
    expect(await standby.metric("jackalope_leader")).toBe(0);
    expect(await standby.metric("jackalope_connections_refused_total")).toBe(4);
    expect(await leader.metric("jackalope_leader")).toBe(1);
    // Nobody was disturbed by it.
    await amqplibChannel(leader.amqpUrl);
  });

  test("leads at once when the leader shuts down, on the ports on which it refused", async () => {
    const [leader, standby] = await startBrokerPair();
    const channel = await amqplibConfirmChannel(leader.amqpUrl);
    await channel.assertQueue("work");
    channel.sendToQueue("work", Buffer.from("kept"), { persistent: true });
    await channel.waitForConfirms();
    await mqttjsClient(leader.mqtt);
    const watch = watchPort(standby);
    const startedAtMs = performance.now();
    expect(await leader.end("SIGTERM")).toBe(0);
    await standby.becomes("ready");
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
    const next = await amqplibChannel(standby.amqpUrl);
    expect(String((await (await messagesOf(next, "work")).first(1))[0]?.content)).toBe("kept");
    // Between refusing and serving nobody finds a closed port for long.
    expect(await watch.longestClosedMs()).toBeLessThan(250);
  });

  test("that is told to stop does so, and the leader stays", async () => {
    const [leader, standby] = await startBrokerPair();
    expect(await standby.end("SIGTERM")).toBe(0);
    expect(standby.log.at(-1)?.msg).toBe("stopped");
    await amqplibChannel(leader.amqpUrl);
  });
});

/** Connects again and again, and notes how long nobody accepted. */
function watchPort(broker: ClusterBroker): { longestClosedMs(): Promise<number> } {
  const port = broker.port("amqpPort");
  let longestMs = 0;
  let lastOpenMs = performance.now();
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      // Without a pause the listener's queue overflows, which looks like a port that is closed.
      await delay(2);
      if (!(await broker.accepts(port))) continue;
      longestMs = Math.max(longestMs, performance.now() - lastOpenMs);
      lastOpenMs = performance.now();
    }
  })();
  return {
    async longestClosedMs() {
      ended = true;
      await watching;
      return longestMs;
    },
  };
}

describe("Redis that is away", () => {
  test("keeps a broker waiting, which says why, and serves when Redis comes", async () => {
    const redis = await RedisServer.prepare();
    const address = redis.address.replace("redis://", "redis://:s3cret@");
    const broker = await startClusterBroker(address);
    await broker.becomes("unavailable", "ECONNREFUSED");
    expect(await broker.metric("jackalope_store_healthy")).toBe(0);
    await redis.run();
    // A server without a password refuses one.
    await broker.becomes("unavailable", "AUTH");
    await redis.ask("CONFIG", "SET", "requirepass", "s3cret");
    await broker.becomes("ready");
    await amqplibChannel(broker.amqpUrl);
    expect(broker.log.filter((line) => String(line["error"]).includes("ECONNREFUSED"))).toHaveLength(1);
    expect(broker.output).not.toContain("s3cret");
    expect(await broker.end("SIGTERM")).toBe(0);
  });

  test("while the broker serves blocks publishers when too much waits, and loses nothing that was confirmed", async () => {
    const redis = await RedisServer.start();
    const broker = await startClusterBroker(redis.address, ["--undurable-bytes-max", "64KiB"]);
    await broker.becomes("ready");
    const connection = await amqplibConnection(broker.amqpUrl);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue("work");
    await channel.assertQueue("fleeting", { durable: false });
    const fleeting = await messagesOf(await amqplibChannel(broker.amqpUrl), "fleeting");
    const confirmed = new Inbox<string>("confirms");
    const send = (text: string): void =>
      void channel.sendToQueue("work", Buffer.from(text), { persistent: true }, () => confirmed.push(text));
    send("before");
    await confirmed.first(1);
    const blocked = once<string>("connection.blocked", (happened) => connection.once("blocked", happened));
    await redis.kill();
    send("meanwhile");
    await broker.becomes("unavailable", "the store cannot write");
    expect(await broker.metric("jackalope_store_healthy")).toBe(0);
    // What needs no store goes on.
    channel.sendToQueue("fleeting", Buffer.from("still read"));
    await fleeting.first(1);
    expect(await broker.metric("jackalope_publishers_blocked")).toBe(0);
    send("x".repeat(100_000));
    await blocked;
    expect(await broker.metric("jackalope_publishers_blocked")).toBe(1);
    expect(confirmed.items).toEqual(["before"]);
    const unblocked = once<void>("connection.unblocked", (happened) => connection.once("unblocked", happened));
    await redis.run();
    await unblocked;
    expect((await confirmed.first(3)).slice(0, 2)).toEqual(["before", "meanwhile"]);
    await broker.becomes("ready");
    expect(await broker.metric("jackalope_store_healthy")).toBe(1);
    await broker.end("SIGKILL");
    const next = await startClusterBroker(redis.address, ["--redis-lease", "500ms"]);
    await next.becomes("ready");
    const inbox = await messagesOf(await amqplibChannel(next.amqpUrl), "work");
    expect((await inbox.first(3)).map(({ content }) => content.length)).toEqual([6, 9, 100_000]);
  });
});

test("a broker that is told to stop while Redis is away says that not everything is saved", async () => {
  const redis = await RedisServer.start();
  // With nothing but unfinished business to keep it from ending.
  const broker = await startClusterBroker(redis.address, ["--management-port", "off"]);
  await waitFor("the broker to be ready", () => broker.log.some(({ msg }) => msg === "ready"));
  const connection = await amqplibConnection(broker.amqpUrl);
  const channel = quiet(await connection.createConfirmChannel());
  await channel.assertQueue("work");
  channel.sendToQueue("work", Buffer.from("before"), { persistent: true });
  await channel.waitForConfirms();
  redis.pause();
  let confirmed = false;
  channel.sendToQueue("work", Buffer.from("unsaved"), { persistent: true }, (error) => (confirmed = error === null));
  // The answer comes when the broker has the message.
  await channel.checkQueue("work");
  await redis.kill();
  await waitFor("the failure", () => broker.log.some(({ msg }) => msg?.startsWith("the store cannot write")));
  expect(await broker.end("SIGTERM")).toBe(1);
  expect(broker.log.at(-1)).toMatchObject({ level: "error", error: expect.stringContaining("ECONNREFUSED") });
  expect(broker.log.at(-1)?.msg).toContain("the store could not be written");
  expect(confirmed).toBe(false);
});

test("a leader that was paused past its lease sends its clients away, stores nothing, and stands by", async () => {
  const [leader, standby] = await startBrokerPair(["--redis-lease", "700ms"]);
  const connection = await amqplibConnection(leader.amqpUrl);
  const channel = quiet(await connection.createConfirmChannel());
  await channel.assertQueue("work");
  channel.sendToQueue("work", Buffer.from("before"), { persistent: true });
  await channel.waitForConfirms();
  const mqtt = await mqttjsClient(leader.mqtt, { clientId: "paused" });
  const stomp = await stompjsClient(leader.stomp);
  leader.signal("SIGSTOP");
  await standby.becomes("ready");
  // The bytes wait in the socket until it wakes.
  const confirms: string[] = [];
  channel.sendToQueue("work", Buffer.from("too late"), { persistent: true }, (error) => {
    if (error === null) confirms.push("too late");
  });
  // amqplib does not take 320 for an error.
  const close = once<{ code: number }>("the close", (happened) => connection.once("close", happened));
  leader.signal("SIGCONT");
  expect(await close).toMatchObject({ code: 320 });
  await Promise.all([mqtt.ended(), waitFor("the end of STOMP", () => !stomp.client.connected)]);
  expect((await mqtt.disconnects.first(1))[0]?.reasonCode).toBe(0x8b);
  expect((await stomp.errors.first(1))[0]?.headers["message"]).toBe("connection_forced");
  await leader.becomes("standby", `:${standby.child.pid}:`);
  await expect(connectAmqp(leader.amqpUrl)).rejects.toThrow(refusal);
  expect(confirms).toEqual([]);
  expect(await leader.metric("jackalope_messages_published_total")).toBe(0);

  // And back: what the one stored meanwhile the other finds.
  const there = await amqplibConfirmChannel(standby.amqpUrl);
  there.sendToQueue("work", Buffer.from("from the other"), { persistent: true });
  await there.waitForConfirms();
  await standby.end("SIGTERM");
  await leader.becomes("ready");
  const inbox = await messagesOf(await amqplibChannel(leader.amqpUrl), "work");
  expect((await inbox.first(2)).map(({ content }) => String(content))).toEqual(["before", "from the other"]);
});
