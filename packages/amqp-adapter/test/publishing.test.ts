import type { Properties } from "@jackalope/core/adapter";
import { describe, expect, it } from "vitest";
import {
  basicAck,
  basicConsume,
  basicConsumeOk,
  basicDeliver,
  basicGet,
  basicGetEmpty,
  basicGetOk,
  basicPublish,
  basicReject,
  basicReturn,
} from "../src/methods/basic.ts";
import { channelClose, channelCloseOk } from "../src/methods/channel.ts";
import { confirmSelect, confirmSelectOk } from "../src/methods/confirm.ts";
import { queueBind, queueBindOk, queueDeclare, queueDeclareOk } from "../src/methods/queue.ts";
import { decodeProperties, encodeProperties } from "../src/property-codec.ts";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";
import { contentHeader, frame, method, type RawClient } from "./raw-client.ts";

interface PublishOptions {
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly mandatory?: boolean;
  readonly properties?: Properties;
  readonly body?: Uint8Array;
}

function publish(options: PublishOptions): Buffer {
  const { exchange = "", routingKey = "q", mandatory = false, properties = {}, body = Buffer.from("hello") } = options;
  return Buffer.concat([
    method(1, basicPublish, { ticket: 0, exchange, routingKey, mandatory, immediate: false }),
    contentHeader(1, body.length, encodeProperties(properties)),
    ...(body.length > 0 ? [frame(3, 1, body)] : []),
  ]);
}

async function declare(
  client: RawClient,
  queue: string,
  args: Parameters<typeof bindArguments>[0] = [],
): Promise<void> {
  const flags = { passive: false, durable: false, exclusive: false, autoDelete: false, nowait: false };
  await client.call(1, queueDeclare, { ticket: 0, queue, ...flags, arguments: bindArguments(args) }, queueDeclareOk);
}

function bindArguments(args: readonly (readonly [string, { kind: "string"; value: string }])[]): typeof args {
  return args;
}

async function consume(client: RawClient, queue: string, noAck = true): Promise<string> {
  const flags = { noLocal: false, noAck, exclusive: false, nowait: false };
  const values = { ticket: 0, queue, consumerTag: "", ...flags, arguments: [] };
  return (await client.call(1, basicConsume, values, basicConsumeOk)).consumerTag;
}

async function started(options: Parameters<AdapterFixture["client"]>[0] = {}): Promise<RawClient> {
  const fixture = await startAdapter();
  return fixture.client(options);
}

describe("a message", () => {
  it("reaches its consumer the same, wherever its frames are cut", async () => {
    const client = await started();
    await declare(client, "q");
    const tag = await consume(client, "q");
    const properties: Properties = {
      contentType: "text/plain",
      deliveryMode: 2,
      headers: [["n", { kind: "int8", value: 7 }]],
    };
    const bytes = publish({ properties });
    for (let cut = 1; cut < bytes.length; cut++) {
      client.send(bytes.subarray(0, cut));
      // The rest follows once the first part was read: a channel method in between would break the content.
      await new Promise((resolve) => setImmediate(resolve));
      client.send(bytes.subarray(cut));
      const deliver = await client.expect(basicDeliver);
      expect(deliver).toMatchObject({
        consumerTag: tag,
        deliveryTag: cut,
        exchange: "",
        routingKey: "q",
        redelivered: false,
      });
      const content = await client.content();
      expect(content.body.toString()).toBe("hello");
      expect(decodeProperties(content.native)).toEqual(properties);
    }
  });

  it("whose body comes in many frames leaves in frames of the receiver's size", async () => {
    const fixture = await startAdapter();
    const sender = await fixture.client();
    const receiver = await fixture.client({ frameMax: 4096 });
    await declare(receiver, "q");
    await consume(receiver, "q");
    const body = Buffer.alloc(300_000, 0x61);
    sender.send(
      method(1, basicPublish, { ticket: 0, exchange: "", routingKey: "q", mandatory: false, immediate: false }),
    );
    sender.send(contentHeader(1, body.length), frame(3, 1, Buffer.alloc(0)));
    for (let from = 0; from < body.length; from += 7777) sender.send(frame(3, 1, body.subarray(from, from + 7777)));
    await receiver.expect(basicDeliver);
    const content = await receiver.content();
    expect(content.body.equals(body)).toBe(true);
    expect(content.frames).toBe(Math.ceil(body.length / 4088));
  });

  it("without a body is a header alone", async () => {
    const client = await started();
    await declare(client, "q");
    await consume(client, "q");
    client.send(publish({ body: Buffer.alloc(0) }), publish({ body: Buffer.from("next") }));
    await client.expect(basicDeliver);
    expect((await client.content()).frames).toBe(0);
    await client.expect(basicDeliver);
    expect((await client.content()).body.toString()).toBe("next");
  });

  it("keeps its own channel's number when two channels take turns", async () => {
    const client = await started();
    await client.openChannel(300);
    await declare(client, "q");
    await consume(client, "q");
    const one = publish({ body: Buffer.from("one") });
    const other = Buffer.from(one);
    // The same publish on channel 300: the number stands behind the first byte of each of its three frames.
    let at = 0;
    while (at < other.length) {
      other.writeUInt16BE(300, at + 1);
      at += other.readUInt32BE(at + 3) + 8;
    }
    client.send(one, other, one);
    for (let index = 0; index < 3; index++) {
      const deliver = await client.frame();
      const header = await client.frame();
      const body = await client.frame();
      expect([deliver?.channel, header?.channel, body?.channel]).toEqual([1, 1, 1]);
    }
  });

  it("fetched by get says how many are left, and none is get-empty", async () => {
    const client = await started();
    await declare(client, "q");
    client.send(publish({}), publish({}));
    const values = { ticket: 0, queue: "q", noAck: true };
    expect(await client.call(1, basicGet, values, basicGetOk)).toMatchObject({
      messageCount: 1,
      routingKey: "q",
      deliveryTag: 1,
    });
    expect((await client.content()).body.toString()).toBe("hello");
    await client.call(1, basicGet, values, basicGetOk);
    await client.content();
    await client.call(1, basicGet, values, basicGetEmpty);
  });

  it("that was rejected on a quorum queue comes back with its delivery count", async () => {
    const client = await started();
    const args = [["x-queue-type", { kind: "string", value: "quorum" }]] as const;
    const flags = { passive: false, durable: true, exclusive: false, autoDelete: false, nowait: false };
    await client.call(1, queueDeclare, { ticket: 0, queue: "q", ...flags, arguments: args }, queueDeclareOk);
    await consume(client, "q", false);
    client.send(publish({ properties: { appId: "a" } }));
    const first = await client.expect(basicDeliver);
    expect(decodeProperties((await client.content()).native)).toEqual({ appId: "a" });
    client.send(method(1, basicReject, { deliveryTag: first.deliveryTag, requeue: true }));
    expect(await client.expect(basicDeliver)).toMatchObject({ redelivered: true, deliveryTag: 2 });
    expect(decodeProperties((await client.content()).native)).toEqual({
      appId: "a",
      headers: [["x-delivery-count", { kind: "int64", value: 1n }]],
    });
  });
});

describe("confirms", () => {
  it("come as acks, several in one, and a mandatory return before its own", async () => {
    const client = await started();
    await client.call(1, confirmSelect, { nowait: false }, confirmSelectOk);
    client.send(publish({ routingKey: "nowhere" }), publish({ routingKey: "nowhere", mandatory: true }));
    expect(await client.expect(basicReturn)).toEqual({
      replyCode: 312,
      replyText: "NO_ROUTE",
      exchange: "",
      routingKey: "nowhere",
    });
    expect((await client.content()).body.toString()).toBe("hello");
    let confirmed = 0;
    while (confirmed < 2) confirmed = (await client.expect(basicAck)).deliveryTag;
    expect(confirmed).toBe(2);
  });
});

describe("routes", () => {
  it("are found again by their bytes over thousands of keys, and after the topology changed", async () => {
    const client = await started();
    await declare(client, "q");
    const bind = { ticket: 0, queue: "q", exchange: "amq.topic", routingKey: "#", nowait: false, arguments: [] };
    await client.call(1, queueBind, bind, queueBindOk);
    await consume(client, "q");
    const keys = Array.from({ length: 3000 }, (_, index) => `key.${index % 1500}`);
    for (const round of [0, 1]) {
      client.send(
        ...keys.map((routingKey) => publish({ exchange: "amq.topic", routingKey, body: Buffer.from(routingKey) })),
      );
      for (const key of keys) {
        expect((await client.expect(basicDeliver)).routingKey).toBe(key);
        expect((await client.content()).body.toString()).toBe(key);
      }
      // A binding that also matches: every remembered route is out of date now.
      if (round === 0) await client.call(1, queueBind, { ...bind, routingKey: "key.*" }, queueBindOk);
    }
  });
});

describe("properties that mean something to the broker", () => {
  it("direct reply-to: the request carries an address, and a publish to it reaches the asker", async () => {
    const fixture = await startAdapter();
    const asker = await fixture.client();
    const server = await fixture.client();
    await declare(server, "rpc");
    await consume(server, "rpc");
    await consume(asker, "amq.rabbitmq.reply-to");
    asker.send(publish({ routingKey: "rpc", properties: { replyTo: "amq.rabbitmq.reply-to", correlationId: "7" } }));
    await server.expect(basicDeliver);
    const request = decodeProperties((await server.content()).native);
    expect(request.replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
    expect(request.correlationId).toBe("7");
    server.send(publish({ routingKey: request.replyTo as string, body: Buffer.from("answer") }));
    await asker.expect(basicDeliver);
    expect((await asker.content()).body.toString()).toBe("answer");
  });

  it("direct reply-to: declaring an address tells whether its asker is still there", async () => {
    const fixture = await startAdapter();
    const asker = await fixture.client();
    const server = await fixture.client();
    await declare(server, "rpc");
    await consume(server, "rpc");
    await consume(asker, "amq.rabbitmq.reply-to");
    asker.send(publish({ routingKey: "rpc", properties: { replyTo: "amq.rabbitmq.reply-to" } }));
    await server.expect(basicDeliver);
    const { replyTo } = decodeProperties((await server.content()).native);
    const flags = { durable: false, exclusive: false, autoDelete: false, nowait: false, arguments: [] };
    const asked = { ticket: 0, queue: replyTo as string, ...flags };
    for (const passive of [true, false]) {
      const answer = await server.call(1, queueDeclare, { ...asked, passive }, queueDeclareOk);
      expect(answer).toEqual({ queue: replyTo, messageCount: 0, consumerCount: 1 });
    }
    const closing = { replyCode: 200, replyText: "", failingClassId: 0, failingMethodId: 0 };
    await asker.call(1, channelClose, closing, channelCloseOk);
    expect(await server.call(1, queueDeclare, { ...asked, passive: false }, channelClose)).toMatchObject({
      replyCode: 404,
      replyText: `NOT_FOUND - no queue '${replyTo as string}' in vhost '/'`,
    });
  });

  it("CC and BCC: both route, a queue gets one copy, receivers see CC only", async () => {
    const client = await started();
    for (const queue of ["q", "cc", "bcc"]) await declare(client, queue);
    const keys = (...names: string[]) => ({
      kind: "array" as const,
      value: names.map((value) => ({ kind: "string" as const, value })),
    });
    const headers = [
      ["CC", keys("cc", "q")],
      ["BCC", keys("bcc")],
    ] as const;
    client.send(publish({ routingKey: "q", properties: { headers } }));
    for (const queue of ["q", "cc", "bcc"]) {
      const got = await client.call(1, basicGet, { ticket: 0, queue, noAck: true }, basicGetOk);
      expect(got).toMatchObject({ messageCount: 0, routingKey: "q" });
      expect(decodeProperties((await client.content()).native)).toEqual({ headers: [["CC", keys("cc", "q")]] });
    }
  });

  it("user-id: the publisher's own is let through, anybody's from an impersonator", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await declare(client, "q");
    await consume(client, "q");
    client.send(publish({ properties: { userId: "guest" } }));
    await client.expect(basicDeliver);
    await client.content();
    await fixture.broker.users.put("proxy", "secret", ["impersonator"]);
    await fixture.broker.users.setPermissions("proxy", "/", { configure: "", write: ".*", read: "" });
    const proxy = await fixture.client({ response: Buffer.from("\0proxy\0secret") });
    proxy.send(publish({ properties: { userId: "joe" } }));
    await client.expect(basicDeliver);
    expect(decodeProperties((await client.content()).native)).toEqual({ userId: "joe" });
  });

  it("expiration: what nobody takes in time is gone", async () => {
    const client = await started();
    await declare(client, "q");
    client.send(publish({ properties: { expiration: "0" } }));
    await client.call(1, basicGet, { ticket: 0, queue: "q", noAck: true }, basicGetEmpty);
  });
});
