import { amqpFormat } from "@jackalope/amqp-adapter";
import { type ClientConnection, Message, type Properties } from "@jackalope/core/adapter";
import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";
import type { RawClient } from "./raw-client.ts";

/** Publishes as an AMQP client would. */
function publishAmqp(
  core: ClientConnection,
  exchange: string,
  key: string,
  properties: Properties,
  body: string,
): void {
  const channel = core.openChannel({
    deliver() {},
    confirm() {},
    refuse() {},
    returned() {},
    cancelled() {},
    failed() {},
  });
  const native = amqpFormat.fromProperties(properties);
  const bytes = Buffer.concat([native, Buffer.from(body)]);
  const message = new Message(
    channel.route(exchange, key),
    amqpFormat,
    bytes,
    0,
    native.length,
    native.length,
    bytes.length,
  );
  message.persistent = properties.deliveryMode === 2;
  channel.publish(message.route, message, false);
}

/** What the next message of a queue is to an AMQP client. */
function getAmqp(core: ClientConnection, queue: string): { properties: Properties; body: string; message: Message } {
  const channel = core.openChannel({
    deliver() {},
    confirm() {},
    refuse() {},
    returned() {},
    cancelled() {},
    failed() {},
  });
  const got = channel.get(queue, true);
  if (got === null || got instanceof Promise) throw new Error(`nothing in ${queue}`);
  const { message } = got;
  const properties = amqpFormat.toProperties(message.as(amqpFormat));
  return { properties, body: Buffer.from(message.body).toString(), message };
}

async function subscribed(client: RawClient, destination: string, headers: Record<string, string> = {}): Promise<void> {
  await client.request("SUBSCRIBE", { id: 0, destination, ...headers });
}

describe("SEND", () => {
  it("becomes an AMQP message with its properties, and without the frame's own headers", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request(
      "SEND",
      {
        destination: "/queue/q",
        "content-type": "text/plain",
        persistent: "true",
        priority: 5,
        "correlation-id": "c\\c1",
        "reply-to": "/reply-queue/answers",
        "amqp-message-id": "m1",
        timestamp: 1_700_000_000,
        "content-length": 5,
        foo: "b\\nar",
        "user-id": "guest",
        expiration: 60_000,
      },
      "a\0b\0c",
    );
    const { properties, body, message } = getAmqp(fixture.core(), "q");
    expect(body).toBe("a\0b\0c");
    expect(message).toMatchObject({ persistent: true, priority: 5, expirationMs: 60_000 });
    expect(properties).toEqual({
      contentType: "text/plain",
      deliveryMode: 2,
      priority: 5,
      correlationId: "c:1",
      replyTo: "answers",
      messageId: "m1",
      timestamp: 1_700_000_000n,
      userId: "guest",
      expiration: "60000",
      headers: [["foo", { kind: "string", value: "b\nar" }]],
    });
  });

  it.each(["1.0", "1.1", "1.2"] as const)("of %s reaches every version as it was meant", async (from) => {
    const fixture = await startAdapter();
    const sender = await fixture.client({ "accept-version": from });
    const escaped = from === "1.0" ? "x:y\\z" : "x\\cy\\\\z";
    for (const to of ["1.0", "1.1", "1.2"] as const) {
      const receiver = await fixture.client({ "accept-version": to });
      await subscribed(receiver, `/topic/${to}`);
      // Twice, so that the repeated frame takes the short way.
      for (let count = 0; count < 2; count++)
        sender.frame("SEND", { destination: `/topic/${to}`, key: escaped, other: "1" }, "body");
      for (let count = 0; count < 2; count++) {
        const message = await receiver.expect("MESSAGE");
        expect(message.headers["key"]).toBe(to === "1.0" ? "x:y\\z" : "x\\cy\\\\z");
        expect(message.headers["other"]).toBe("1");
        expect(message.body.toString()).toBe("body");
      }
    }
  });

  it("keeps its headers wherever the frame's own stand, CR LF and repeated ones too", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await subscribed(client, "/topic/a");
    const heads = [
      "a:1\ndestination:/topic/a\nb:2\ncontent-length:2\n",
      "destination:/topic/a\na:1\nb:2\n",
      "a:1\nb:2\na:3\ndestination:/topic/a\ndestination:/queue/never\nb:4\n",
      "destination:/topic/a\r\na:1\r\nb:2\r\n",
      "content-length:2\na:1\nb:2\ndestination:/topic/a\n",
      "content-length:2\ndestination:/topic/a\na:1\nb:2\n",
    ];
    for (const head of heads) {
      for (let count = 0; count < 3; count++) client.send(`SEND\n${head}${head.includes("\r") ? "\r" : ""}\nhi\0`);
      for (let count = 0; count < 3; count++) {
        const message = await client.expect("MESSAGE");
        expect(message.headers).toMatchObject({ a: "1", b: "2", destination: "/topic/a" });
        expect(message.names.filter((name) => name === "a" || name === "destination")).toEqual(["destination", "a"]);
        expect(message.names).not.toContain("receipt");
        expect(message.body.toString()).toBe("hi");
      }
    }
    expect(fixture.broker.virtualHosts.get("/")?.queues.has("never")).toBe(false);
  });

  it("declares a missing queue durable, again where somebody deleted it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const queues = fixture.broker.virtualHosts.get("/")?.queues;
    for (let round = 0; round < 2; round++) {
      await client.request("SEND", { destination: "/queue/q" }, "1");
      await client.request("SEND", { destination: "/queue/q" }, "2");
      expect(queues?.get("q")).toMatchObject({ durable: true, exclusive: false, autoDelete: false, readyCount: 2 });
      await fixture.core().deleteQueue("q", false, false);
    }
    await client.request("SEND", { destination: "/queue/limited", "x-max-length": 1, "x-custom": "mine" }, "1");
    expect(queues?.get("limited")?.arguments).toEqual([["x-max-length", { kind: "int64", value: 1n }]]);
  });

  it("declares nothing for /amq/queue and /reply-queue, whose messages go where the queue is", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await fixture.core().declareQueue("mine", { durable: false, exclusive: false, autoDelete: false, arguments: [] });
    await client.request("SEND", { destination: "/amq/queue/mine" }, "1");
    await client.request("SEND", { destination: "/reply-queue/mine" }, "2");
    await client.request("SEND", { destination: "/queue/mine" }, "3");
    await client.request("SEND", { destination: "/amq/queue/none" }, "4");
    const queues = fixture.broker.virtualHosts.get("/")?.queues;
    expect(queues?.get("mine")?.readyCount).toBe(3);
    expect([...(queues?.keys() ?? [])]).toEqual(["mine"]);
  });

  it("with a temporary reply queue gets its answers, from STOMP and from AMQP", async () => {
    const fixture = await startAdapter();
    const asker = await fixture.client();
    const answerer = await fixture.client();
    await subscribed(answerer, "/queue/questions");
    for (const question of ["1", "2"]) {
      asker.frame("SEND", { destination: "/queue/questions", "reply-to": "/temp-queue/answers" }, question);
      const asked = await answerer.expect("MESSAGE");
      const replyTo = asked.headers["reply-to"] ?? "";
      expect(replyTo).toMatch(/^\/reply-queue\/amq\.gen-/);
      answerer.frame("SEND", { destination: replyTo }, `answer ${question}`);
      const answer = await asker.expect("MESSAGE");
      expect(answer.headers["subscription"]).toBe("/temp-queue/answers");
      expect(answer.body.toString()).toBe(`answer ${question}`);
    }
    await answerer.request("UNSUBSCRIBE", { id: 0 });
    await asker.request("SEND", { destination: "/queue/questions", "reply-to": "/temp-queue/answers" }, "3");
    const { properties } = getAmqp(fixture.core(), "questions");
    publishAmqp(fixture.core(), "", properties.replyTo ?? "", {}, "from AMQP");
    expect((await asker.expect("MESSAGE")).body.toString()).toBe("from AMQP");
  });
});

describe("MESSAGE", () => {
  it("shows the properties and headers of an AMQP message", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await subscribed(client, "/topic/a.*");
    const properties: Properties = {
      contentType: "application/json",
      contentEncoding: "gzip",
      deliveryMode: 2,
      priority: 3,
      correlationId: "c:1",
      replyTo: "answers",
      messageId: "m",
      timestamp: 1_700_000_000n,
      type: "t",
      appId: "a",
      headers: [
        ["n", { kind: "int32", value: -5 }],
        ["yes", { kind: "boolean", value: true }],
        ["t", { kind: "table", value: [["k", { kind: "string", value: "v" }]] }],
        ["content-length", { kind: "string", value: "1" }],
      ],
    };
    for (let count = 0; count < 2; count++) {
      publishAmqp(fixture.core(), "amq.topic", "a.b", properties, "body");
      const message = await client.expect("MESSAGE");
      expect(message.headers).toMatchObject({
        redelivered: "false",
        subscription: "0",
        destination: "/topic/a.b",
        "content-type": "application/json",
        "content-encoding": "gzip",
        persistent: "true",
        priority: "3",
        "correlation-id": "c\\c1",
        "reply-to": "/reply-queue/answers",
        "amqp-message-id": "m",
        timestamp: "1700000000",
        type: "t",
        "app-id": "a",
        n: "-5",
        yes: "true",
        t: '{"k"\\c"v"}',
        "content-length": "4",
      });
      expect(message.body.toString()).toBe("body");
    }
    publishAmqp(fixture.core(), "amq.topic", "a.b", {}, "");
    expect((await client.expect("MESSAGE")).headers["content-length"]).toBe("0");
  });

  it("tells of deaths, however often a message died", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await subscribed(client, "/queue/first", {
      ack: "client-individual",
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "second",
    });
    await client.request("SUBSCRIBE", {
      id: 1,
      destination: "/queue/second",
      ack: "client-individual",
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "first",
    });
    client.frame("SEND", { destination: "/queue/first", color: "red" }, "body");
    let last: { count: number; queue: string }[] = [];
    for (let round = 0; round < 4; round++) {
      const message = await client.expect("MESSAGE");
      expect(message.headers["color"]).toBe("red");
      const deaths = message.headers["x-death"];
      if (deaths !== undefined) last = JSON.parse(deaths.replaceAll("\\c", ":")) as typeof last;
      client.frame("NACK", { id: message.headers["ack"] ?? "", requeue: "false" });
    }
    expect(last.map(({ queue, count }) => [queue, count])).toEqual([
      ["first", 2],
      ["second", 1],
    ]);
  });

  it("marks redelivery, and gives back what a dying client had", async () => {
    const fixture = await startAdapter();
    const first = await fixture.client();
    await subscribed(first, "/queue/q", { ack: "client" });
    first.frame("SEND", { destination: "/queue/q" }, "1");
    expect((await first.expect("MESSAGE")).headers["redelivered"]).toBe("false");
    first.destroy();
    const second = await fixture.client();
    await subscribed(second, "/queue/q", { ack: "client" });
    expect((await second.expect("MESSAGE")).headers["redelivered"]).toBe("true");
    await until(() => fixture.adapter.connectionCount === 1);
  });

  it("names the exchange where it is another than the topic exchange, in percent escapes", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await fixture
      .core()
      .declareExchange("x/y", { type: "direct", durable: false, autoDelete: false, internal: false, arguments: [] });
    await subscribed(client, "/exchange/x%2Fy/k");
    client.frame("SEND", { destination: "/exchange/x%2Fy/k" }, "1");
    expect((await client.expect("MESSAGE")).headers["destination"]).toBe("/exchange/x%2Fy/k");
  });
});
