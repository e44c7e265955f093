import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { accessRequest, accessRequestOk } from "../src/methods/access.ts";
import {
  basicAck,
  basicCancel,
  basicCancelOk,
  basicConsume,
  basicDeliver,
  basicGet,
  basicGetEmpty,
  basicGetOk,
  basicNack,
  basicPublish,
  basicQos,
  basicQosOk,
  basicRecover,
  basicRecoverAsync,
  basicRecoverOk,
  basicReject,
} from "../src/methods/basic.ts";
import { channelClose, channelCloseOk, channelFlow, channelFlowOk } from "../src/methods/channel.ts";
import { confirmSelect } from "../src/methods/confirm.ts";
import { exchangeBind, exchangeDeclare, exchangeDelete, exchangeUnbind } from "../src/methods/exchange.ts";
import {
  queueBind,
  queueBindOk,
  queueDeclare,
  queueDeclareOk,
  queueDelete,
  queueDeleteOk,
  queuePurge,
  queuePurgeOk,
  queueUnbind,
  queueUnbindOk,
} from "../src/methods/queue.ts";
import { txCommit, txCommitOk, txRollback, txRollbackOk, txSelect, txSelectOk } from "../src/methods/tx.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { contentHeader, frame, method, type RawClient } from "./raw-client.ts";

const queueFlags = { passive: false, durable: false, exclusive: false, autoDelete: false };
const get = { ticket: 0, queue: "q", noAck: true };

async function client(capabilities: readonly string[] = []): Promise<RawClient> {
  const fixture = await startAdapter();
  const raw = await fixture.client({ capabilities });
  const values = { ticket: 0, queue: "q", ...queueFlags, nowait: false, arguments: [] };
  await raw.call(1, queueDeclare, values, queueDeclareOk);
  return raw;
}

function publish(text: string): Buffer {
  return Buffer.concat([
    method(1, basicPublish, { ticket: 0, exchange: "", routingKey: "q", mandatory: false, immediate: false }),
    contentHeader(1, text.length),
    frame(3, 1, Buffer.from(text)),
  ]);
}

function consume(raw: RawClient, tag: string): void {
  const flags = { noLocal: false, noAck: false, exclusive: false, nowait: true };
  raw.send(method(1, basicConsume, { ticket: 0, queue: "q", consumerTag: tag, ...flags, arguments: [] }));
}

async function received(raw: RawClient): Promise<string> {
  const { deliveryTag, redelivered } = await raw.expect(basicDeliver);
  return `${deliveryTag} ${(await raw.content()).body.toString()}${redelivered ? " again" : ""}`;
}

describe("transactions", () => {
  it("publish and acknowledge at commit, and forget at rollback", async () => {
    const raw = await client();
    await raw.call(1, txSelect, {}, txSelectOk);
    raw.send(publish("forgotten"));
    await raw.call(1, txRollback, {}, txRollbackOk);
    raw.send(publish("kept"));
    await raw.call(1, basicGet, get, basicGetEmpty);
    await raw.call(1, txCommit, {}, txCommitOk);
    const { deliveryTag } = await raw.call(1, basicGet, { ...get, noAck: false }, basicGetOk);
    expect((await raw.content()).body.toString()).toBe("kept");
    raw.send(method(1, basicAck, { deliveryTag, multiple: false }));
    await raw.call(1, txCommit, {}, txCommitOk);
    await raw.call(
      1,
      channelClose,
      { replyCode: 200, replyText: "", failingClassId: 0, failingMethodId: 0 },
      channelCloseOk,
    );
    await raw.openChannel(1);
    await raw.call(1, basicGet, get, basicGetEmpty);
  });
});

describe("settling", () => {
  it("one by one, many at once, and by giving back", async () => {
    const raw = await client();
    await raw.call(1, basicQos, { prefetchSize: 0, prefetchCount: 3, global: false }, basicQosOk);
    consume(raw, "t");
    for (const text of ["a", "b", "c", "d", "e"]) raw.send(publish(text));
    for (const text of ["1 a", "2 b", "3 c"]) expect(await received(raw)).toBe(text);
    raw.send(method(1, basicAck, { deliveryTag: 2, multiple: true }));
    for (const text of ["4 d", "5 e"]) expect(await received(raw)).toBe(text);
    raw.send(method(1, basicReject, { deliveryTag: 3, requeue: true }));
    expect(await received(raw)).toBe("6 c again");
    raw.send(method(1, basicNack, { deliveryTag: 5, multiple: true, requeue: true }));
    for (const text of ["7 d again", "8 e again"]) expect(await received(raw)).toBe(text);
    // Tag 0 with multiple is everything.
    raw.send(method(1, basicNack, { deliveryTag: 0, multiple: true, requeue: false }));
    await raw.call(1, basicGet, get, basicGetEmpty);
  });

  it("all at once by recover", async () => {
    const raw = await client();
    consume(raw, "t");
    raw.send(publish("a"), publish("b"));
    for (const text of ["1 a", "2 b"]) expect(await received(raw)).toBe(text);
    raw.send(method(1, basicRecoverAsync, { requeue: true }));
    for (const text of ["3 a again", "4 b again"]) expect(await received(raw)).toBe(text);
    await raw.call(1, basicRecover, { requeue: true }, basicRecoverOk);
    for (const text of ["5 a again", "6 b again"]) expect(await received(raw)).toBe(text);
    await raw.call(1, basicCancel, { consumerTag: "t", nowait: false }, basicCancelOk);
    await raw.call(1, basicRecover, { requeue: true }, basicRecoverOk);
    expect(await raw.call(1, basicGet, get, basicGetOk)).toMatchObject({ redelivered: true, messageCount: 1 });
    expect((await raw.content()).body.toString()).toBe("a");
  });
});

describe("small methods", () => {
  it("are answered: access.request, channel.flow, basic.cancel, queue.purge, queue.delete", async () => {
    const raw = await client();
    const access = { realm: "/", exclusive: false, passive: true, active: true, write: true, read: true };
    expect(await raw.call(1, accessRequest, access, accessRequestOk)).toEqual({ ticket: 1 });
    expect(await raw.call(1, channelFlow, { active: true }, channelFlowOk)).toEqual({ active: true });
    await raw.call(1, basicCancel, { consumerTag: "unknown", nowait: false }, basicCancelOk);
    raw.send(publish("a"), publish("b"));
    // An empty queue name is the last declared queue.
    expect(await raw.call(1, queuePurge, { ticket: 0, queue: "", nowait: false }, queuePurgeOk)).toEqual({
      messageCount: 2,
    });
    raw.send(publish("c"));
    const values = { ticket: 0, queue: "", ifUnused: true, ifEmpty: false, nowait: false };
    expect(await raw.call(1, queueDelete, values, queueDeleteOk)).toEqual({ messageCount: 1 });
    expect(await raw.call(1, queueDelete, values, queueDeleteOk)).toEqual({ messageCount: 0 });
  });

  it("with nowait are done and not answered", async () => {
    const raw = await client();
    const exchange = { ticket: 0, exchange: "e", type: "fanout", passive: false, durable: false, autoDelete: false };
    const binding = { ticket: 0, routingKey: "", nowait: true, arguments: [] };
    raw.send(
      method(1, exchangeDeclare, { ...exchange, internal: false, nowait: true, arguments: [] }),
      method(1, exchangeBind, { ...binding, destination: "e", source: "amq.fanout" }),
      method(1, queueDeclare, { ticket: 0, queue: "n", ...queueFlags, nowait: true, arguments: [] }),
      method(1, queueBind, { ...binding, queue: "n", exchange: "e" }),
      method(1, confirmSelect, { nowait: true }),
      method(1, basicPublish, {
        ticket: 0,
        exchange: "amq.fanout",
        routingKey: "k",
        mandatory: false,
        immediate: false,
      }),
      contentHeader(1, 0),
    );
    expect(await raw.expect(basicAck)).toEqual({ deliveryTag: 1, multiple: false });
    await raw.call(1, basicGet, { ...get, queue: "n" }, basicGetOk);
    await raw.content();
    raw.send(
      method(1, exchangeUnbind, { ...binding, destination: "e", source: "amq.fanout" }),
      method(1, queuePurge, { ticket: 0, queue: "n", nowait: true }),
      method(1, queueDelete, { ticket: 0, queue: "n", ifUnused: false, ifEmpty: false, nowait: true }),
      method(1, exchangeDelete, { ticket: 0, exchange: "e", ifUnused: false, nowait: true }),
      method(1, basicCancel, { consumerTag: "t", nowait: true }),
      method(1, queueDeclare, { ticket: 0, queue: "n", ...queueFlags, passive: true, nowait: true, arguments: [] }),
    );
    expect(await raw.expect(channelClose)).toMatchObject({
      replyCode: 404,
      replyText: "NOT_FOUND - no queue 'n' in vhost '/'",
    });
  });

  it("name the last declared queue where neither queue nor key is given", async () => {
    const raw = await client();
    const values = { ticket: 0, queue: "", exchange: "amq.direct", routingKey: "", arguments: [] };
    raw.send(method(1, queueBind, { ...values, nowait: true }));
    raw.send(
      method(1, basicPublish, {
        ticket: 0,
        exchange: "amq.direct",
        routingKey: "q",
        mandatory: false,
        immediate: false,
      }),
      contentHeader(1, 0),
    );
    await raw.call(1, basicGet, get, basicGetOk);
    await raw.content();
    await raw.call(1, queueUnbind, values, queueUnbindOk);
  });

  it("lose carriage returns and line feeds from names that are declared, bound and deleted", async () => {
    const raw = await client();
    const name = { ticket: 0, queue: "a\r\nb", nowait: false };
    const declared = { ...name, ...queueFlags, arguments: [] };
    expect((await raw.call(1, queueDeclare, declared, queueDeclareOk)).queue).toBe("ab");
    const bound = { ...name, exchange: "amq.\ndirect", routingKey: "k", arguments: [] };
    await raw.call(1, queueBind, bound, queueBindOk);
    expect(await raw.call(1, queueDelete, { ...name, ifUnused: false, ifEmpty: false }, queueDeleteOk)).toEqual({
      messageCount: 0,
    });
    const passive = { ...declared, queue: "ab", passive: true };
    expect((await raw.call(1, queueDeclare, passive, channelClose)).replyCode).toBe(404);
  });
});

describe("a consumer whose queue is deleted", () => {
  it("hears of it only where its client asked to", async () => {
    const fixture = await startAdapter();
    const told = await fixture.client({ capabilities: ["consumer_cancel_notify"] });
    const untold = await fixture.client();
    await told.call(
      1,
      queueDeclare,
      { ticket: 0, queue: "q", ...queueFlags, nowait: false, arguments: [] },
      queueDeclareOk,
    );
    consume(told, "one");
    consume(untold, "two");
    await until(() => fixture.broker.virtualHosts.get("/")?.queues.get("q")?.consumerCount === 2);
    untold.send(method(1, queueDelete, { ticket: 0, queue: "q", ifUnused: false, ifEmpty: false, nowait: false }));
    expect(await told.expect(basicCancel)).toEqual({ consumerTag: "one", nowait: true });
    await untold.expect(queueDeleteOk);
  });
});
