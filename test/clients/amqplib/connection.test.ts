import { type Channel, connect, credentials } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, amqplibConnection, closeOf, messagesOf, quiet, texts } from "../../harness/amqplib-client.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

test("the server names its capabilities, which clients branch on", async () => {
  const { connection } = await amqplibConnection(target.url);
  expect(connection.serverProperties).toMatchObject({
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      "basic.nack": true,
      consumer_cancel_notify: true,
      "connection.blocked": true,
      consumer_priorities: true,
      authentication_failure_close: true,
      per_consumer_qos: true,
      direct_reply_to: true,
    },
    product: expect.any(String),
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
  });
});

test("a wrong password is refused with 403 and a text that says why", async () => {
  const wrong = connect(target.url, { credentials: credentials.plain(target.username, "not the password") });
  await expect(wrong).rejects.toThrow(
    '403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. ' +
      'For details see the broker logfile."',
  );
});

test("AMQPLAIN logs in as well as PLAIN", async () => {
  const login = credentials.amqplain(target.username, target.password);
  const connection = await amqplibConnection(target.url, "", { credentials: login });
  await connection.createChannel();
});

test("a virtual host that is not there is refused", async () => {
  // All that amqplib tells; the code and its text are looked at on the wire.
  await expect(connect(`${target.url}/nowhere`)).rejects.toThrow("got <ConnectionClose channel:0>");
});

test("a frame-max of 4096 is accepted and kept to in both directions", async () => {
  const channel = await amqplibChannel(target.url, "?frameMax=4096");
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const inbox = await messagesOf(channel, queue);
  const body = Buffer.alloc(50_000, "frame by frame ");
  channel.sendToQueue(queue, body);
  const [message] = await inbox.first(1);
  expect(message?.content.equals(body)).toBe(true);
});

test("a connection that only sends heartbeats stays open", async () => {
  const connection = await amqplibConnection(target.url, "?heartbeat=1");
  const inner = connection.connection as unknown as { recvSinceLastCheck: boolean; heartbeater: object };
  expect(inner.heartbeater).not.toBeNull();
  let beats = 0;
  // amqplib clears the mark at each of its own checks; a heartbeat from the server sets it again.
  await waitFor("three heartbeats of the server", () => {
    if (inner.recvSinceLastCheck) beats++;
    inner.recvSinceLastCheck = false;
    return beats >= 3;
  });
  const channel = await connection.createChannel();
  await channel.assertQueue("", { exclusive: true });
});

test("channels of one connection are independent: the error of one leaves the others", async () => {
  const connection = await amqplibConnection(target.url);
  const channels = await Promise.all(Array.from({ length: 100 }, () => connection.createChannel()));
  const [doomed, ...others] = channels.map(quiet) as [Channel, Channel, ...Channel[]];
  const closed = closeOf(doomed);
  await expect(doomed.checkQueue(freshName("missing"))).rejects.toThrow("404");
  expect((await closed).code).toBe(404);
  const { queue } = await others[0].assertQueue("", { exclusive: true });
  const inbox = await messagesOf(others[0], queue, { noAck: true });
  for (const [index, channel] of others.entries()) channel.sendToQueue(queue, Buffer.from(String(index)));
  const messages = await inbox.first(others.length);
  expect(new Set(texts(messages)).size).toBe(others.length);
  // The number of the closed channel can be used again.
  await (await connection.createChannel()).checkQueue(queue);
});

test("a new secret is accepted while the connection is open", async () => {
  const connection = await amqplibConnection(target.url);
  await connection.updateSecret(Buffer.from(target.password), "renewed");
  await connection.createChannel();
});
