import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter, until } from "./adapter-fixture.ts";
import type { RawClient, RawFrame } from "./raw-client.ts";

const queueOf = (fixture: AdapterFixture, name: string) => fixture.broker.virtualHosts.get("/")?.queues.get(name);
const queueNames = (fixture: AdapterFixture): string[] => [
  ...(fixture.broker.virtualHosts.get("/")?.queues.keys() ?? []),
];

async function bodies(client: RawClient, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) texts.push((await client.expect("MESSAGE")).body.toString());
  return texts;
}

async function messages(client: RawClient, count: number): Promise<RawFrame[]> {
  const frames: RawFrame[] = [];
  while (frames.length < count) frames.push(await client.expect("MESSAGE"));
  return frames;
}

describe("SUBSCRIBE", () => {
  it("to a topic makes a queue of its own that goes with it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: "a", destination: "/topic/x.#" });
    const [name = ""] = queueNames(fixture);
    expect(name).toMatch(/^stomp-subscription-[\w-]{22}$/);
    expect(queueOf(fixture, name)).toMatchObject({ durable: false, exclusive: true, autoDelete: true });
    client.frame("SEND", { destination: "/topic/x.y" }, "1");
    expect(await bodies(client, 1)).toEqual(["1"]);
    await client.request("UNSUBSCRIBE", { id: "a" });
    expect(queueNames(fixture)).toEqual([]);
  });

  it("to a topic for good keeps its queue, under the name that RabbitMQ gives it, until the client ends it", async () => {
    const fixture = await startAdapter();
    const durable = { id: "sub-1", destination: "/topic/news", durable: "true" };
    const first = await fixture.client();
    await first.request("SUBSCRIBE", durable);
    const [name = ""] = queueNames(fixture);
    // md5 of {"news", "sub-1"} in Erlang's external term format.
    expect(name).toBe("stomp-subscription-9jdnAJ8XKU6sYDzdutFVcg");
    expect(queueOf(fixture, name)).toMatchObject({ durable: true, exclusive: false, autoDelete: false });
    await first.request("DISCONNECT");
    const second = await fixture.client();
    await second.request("SEND", { destination: "/topic/news", persistent: "true" }, "missed");
    await second.request("SUBSCRIBE", { ...durable, ack: "client" });
    expect(await bodies(second, 1)).toEqual(["missed"]);
    await second.request("UNSUBSCRIBE", { id: "sub-1", durable: "true" });
    expect(queueNames(fixture)).toEqual([]);
  });

  it("for good needs an id", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.frame("SUBSCRIBE", { destination: "/topic/news", persistent: "true" });
    expect((await client.expect("ERROR")).body.toString()).toBe("Header 'id' is required for durable subscriptions\n");
  });

  it("passes every argument to the queue with its type, and x-queue-name", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", {
      id: 1,
      destination: "/topic/a",
      "x-queue-name": "named",
      "x-max-length": 10,
      "x-overflow": "reject-publish",
      "x-dead-letter-exchange": "123",
      "x-single-active-consumer": "true",
      "x-delivery-limit": 3,
      "x-message-ttl": 60_000,
      "x-own": "7",
      "x-priority": 9,
      "auto-delete": "false",
      exclusive: "false",
    });
    expect(queueOf(fixture, "named")).toMatchObject({ durable: false, exclusive: false, autoDelete: false });
    expect(Object.fromEntries(queueOf(fixture, "named")?.arguments ?? [])).toEqual({
      "x-max-length": { kind: "int64", value: 10n },
      "x-overflow": { kind: "string", value: "reject-publish" },
      "x-dead-letter-exchange": { kind: "string", value: "123" },
      "x-single-active-consumer": { kind: "boolean", value: true },
      "x-delivery-limit": { kind: "int64", value: 3n },
      "x-message-ttl": { kind: "int64", value: 60_000n },
      "x-own": { kind: "int64", value: 7n },
    });
    const [consumer] = queueOf(fixture, "named")?.consumers.all ?? [];
    expect(consumer).toMatchObject({ priority: 9, tag: "T_1" });
  });

  it("to a queue uses what is there, and declares it durable otherwise", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const plain = { durable: false, exclusive: false, autoDelete: false, arguments: [] };
    await fixture.core().declareQueue("there", plain);
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/there" });
    await client.request("SUBSCRIBE", { id: 2, destination: "/queue/new" });
    expect(queueOf(fixture, "new")).toMatchObject({ durable: true, exclusive: false, autoDelete: false });
    await client.request("SUBSCRIBE", { id: 3, destination: "/queue/transient", durable: "false" });
    expect(queueOf(fixture, "transient")).toMatchObject({ durable: false, exclusive: true, autoDelete: true });
    client.frame("SUBSCRIBE", { id: 4, destination: "/queue/there", "x-max-length": 5 });
    const error = await client.expect("ERROR");
    expect(error.headers["message"]).toBe("precondition_failed");
    expect(error.body.toString()).toContain("inequivalent arg 'durable' for queue 'there' in vhost '/'");
  });

  it.each([
    [
      "a missing queue of somebody else",
      { destination: "/amq/queue/none" },
      "not_found",
      "no queue 'none' in vhost '/'",
    ],
    ["a missing exchange", { destination: "/exchange/none", durable: "true" }, "not_found", "no exchange 'none'"],
    ["a temporary queue", { destination: "/temp-queue/x" }, "Invalid destination", "for 'SUBSCRIBE'"],
    ["an unknown ack mode", { destination: "/topic/a", ack: "maybe" }, "Invalid header", "'ack' must be auto, client"],
    [
      "a bad prefetch",
      { destination: "/topic/a", "prefetch-count": "x" },
      "Invalid header",
      "must be a number from 0 to 65535",
    ],
    [
      "an argument of a wrong type",
      { destination: "/topic/a", "x-max-length": "x" },
      "Invalid header",
      "is not a number",
    ],
    ["a bad selector", { destination: "/topic/a", selector: "a =" }, "Invalid selector", "found the end in 'a ='"],
    ["the id of a reply queue", { destination: "/topic/a", id: "/temp-queue/x" }, "Invalid id", "may not start with"],
    ["no destination", {}, "Missing destination", "must include a 'destination' header"],
  ])("is refused for %s", async (_, headers, title, text) => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.frame("SUBSCRIBE", { id: "s", ...headers });
    const error = await client.expect("ERROR");
    expect(error.headers["message"]).toBe(title);
    expect(error.body.toString()).toContain(text);
    await client.end();
    expect(queueNames(fixture)).toEqual([]);
  });

  it("takes each id once, and in 1.0 each destination", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: "s", destination: "/topic/a" });
    client.frame("SUBSCRIBE", { id: "s", destination: "/topic/b" });
    expect((await client.expect("ERROR")).headers["message"]).toBe("Duplicated subscription identifier");
    const old = await fixture.client({ "accept-version": "1.0" });
    await old.request("SUBSCRIBE", { destination: "/topic/a" });
    await old.request("SUBSCRIBE", { destination: "/topic/b" });
    old.frame("SEND", { destination: "/topic/a" }, "1");
    const [message] = await messages(old, 1);
    expect(message?.names).not.toContain("subscription");
    await old.request("UNSUBSCRIBE", { destination: "/topic/a" });
    expect(queueNames(fixture)).toHaveLength(1);
  });

  it("needs permissions", async () => {
    const fixture = await startAdapter();
    await fixture.broker.users.put("reader", "x", []);
    await fixture.broker.users.setPermissions("reader", "/", { configure: "^stomp-", write: "^stomp-", read: "" });
    const client = await fixture.client({ login: "reader", passcode: "x" });
    client.frame("SUBSCRIBE", { id: 1, destination: "/topic/a" });
    const error = await client.expect("ERROR");
    expect(error.headers["message"]).toBe("access_refused");
    expect(error.body.toString()).toContain(
      "read access to exchange 'amq.topic' in vhost '/' refused for user 'reader'",
    );
  });

  it("is cancelled when its queue goes: an ERROR names it, and the others live on", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: "gone", destination: "/queue/q" });
    await client.request("SUBSCRIBE", { id: "stays", destination: "/topic/a" });
    await fixture.core().deleteQueue("q", false, false);
    const error = await client.expect("ERROR");
    expect(error.headers).toMatchObject({ message: "Server cancelled subscription", subscription: "gone" });
    client.frame("SEND", { destination: "/topic/a" }, "1");
    expect(await bodies(client, 1)).toEqual(["1"]);
    await client.request("SUBSCRIBE", { id: "gone", destination: "/queue/q" });
  });

  it("is bounded in number", async () => {
    const fixture = await startAdapter({ limits: { subscriptionsMax: 2 } });
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 1, destination: "/topic/a" });
    await client.request("SUBSCRIBE", { id: 2, destination: "/topic/a" });
    client.frame("SUBSCRIBE", { id: 3, destination: "/topic/a" });
    expect((await client.expect("ERROR")).headers["message"]).toBe("Too many subscriptions");
  });
});

describe("acknowledgements", () => {
  async function threeOut(fixture: AdapterFixture, version: string, ack: string): Promise<[RawClient, string[]]> {
    const client = await fixture.client({ "accept-version": version });
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q", ack });
    // Another subscription in between: its deliveries are none of the first one's business.
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/other", ack });
    client.frame("SEND", { destination: "/queue/other" }, "0");
    for (const body of ["1", "2", "3"]) client.frame("SEND", { destination: "/queue/q" }, body);
    const frames = await messages(client, 4);
    const header = version === "1.2" ? "ack" : "message-id";
    return [client, frames.slice(1).map((one) => one.headers[header] ?? "")];
  }

  it.each(["1.0", "1.1", "1.2"])("in mode client are for all before, of that subscription (%s)", async (version) => {
    const fixture = await startAdapter();
    const [client, [, second = ""]] = await threeOut(fixture, version, "client");
    await client.request("ACK", { [version === "1.2" ? "id" : "message-id"]: second, subscription: 0 });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(1);
    expect(queueOf(fixture, "other")?.unackedCount).toBe(1);
  });

  it("in mode client-individual are for one", async () => {
    const fixture = await startAdapter();
    const [client, [, second = "", third = ""]] = await threeOut(fixture, "1.2", "client-individual");
    await client.request("ACK", { id: second });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(2);
    await client.request("NACK", { id: third, requeue: "false" });
    expect(queueOf(fixture, "q")?.unackedCount).toBe(1);
    expect(fixture.broker.totals.dropped.rejected).toBe(1);
  });

  it("that refuse bring the message again", async () => {
    const fixture = await startAdapter();
    const [client, [first = "", second = ""]] = await threeOut(fixture, "1.2", "client");
    client.frame("NACK", { id: second });
    const again = await messages(client, 2);
    expect(again.map((one) => [one.body.toString(), one.headers["redelivered"]])).toEqual([
      ["1", "true"],
      ["2", "true"],
    ]);
    client.frame("ACK", { id: first });
    expect((await client.expect("ERROR")).body.toString()).toContain("unknown delivery tag 1");
  });

  it("are possible after UNSUBSCRIBE, and what was not acknowledged goes back at the end", async () => {
    const fixture = await startAdapter();
    const [client, [first = "", second = ""]] = await threeOut(fixture, "1.2", "client-individual");
    await client.request("UNSUBSCRIBE", { id: 0 });
    await client.request("ACK", { id: second });
    await client.request("ACK", { id: first });
    expect(queueOf(fixture, "q")).toMatchObject({ unackedCount: 1, readyCount: 0 });
    await client.request("DISCONNECT");
    await client.end();
    expect(queueOf(fixture, "q")).toMatchObject({ unackedCount: 0, readyCount: 1 });
  });

  it("limit what is out to prefetch-count, of this subscription alone", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", {
      id: 0,
      destination: "/queue/a",
      ack: "client-individual",
      "prefetch-count": 2,
    });
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/b", ack: "client-individual" });
    for (let body = 0; body < 5; body++) client.frame("SEND", { destination: "/queue/a" }, `${body}`);
    for (let body = 0; body < 5; body++) client.frame("SEND", { destination: "/queue/b" }, `${body}`);
    const frames = await messages(client, 7);
    expect(frames.filter((one) => one.headers["subscription"] === "0")).toHaveLength(2);
    client.frame("ACK", { id: frames[0]?.headers["ack"] ?? "" });
    expect(await bodies(client, 1)).toEqual(["2"]);
  });

  it("of another session count for nothing", async () => {
    const fixture = await startAdapter();
    const [, [first = ""]] = await threeOut(fixture, "1.1", "client");
    const other = await fixture.client({ "accept-version": "1.1" });
    await other.request("SUBSCRIBE", { id: 0, destination: "/topic/a", ack: "client" });
    other.frame("ACK", { "message-id": first, subscription: 0 });
    expect((await other.expect("ERROR")).headers["message"]).toBe("Invalid header");
  });
});

describe("transactions", () => {
  it("publish at COMMIT, all together", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/topic/a" });
    await client.request("BEGIN", { transaction: "t" });
    for (let body = 0; body < 3; body++) client.frame("SEND", { destination: "/topic/a", transaction: "t" }, `${body}`);
    expect(await client.request("SEND", { destination: "/topic/a" }, "outside")).toHaveLength(1);
    client.frame("COMMIT", { transaction: "t" });
    const received = await messages(client, 3);
    expect(received.map((one) => one.body.toString())).toEqual(["0", "1", "2"]);
    expect(received[0]?.names).not.toContain("transaction");
  });

  it("may be several at once, and forgotten", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    for (const transaction of ["a", "b", "c"]) {
      client.frame("BEGIN", { transaction });
      client.frame("SEND", { destination: "/queue/q", transaction }, transaction);
    }
    client.frame("COMMIT", { transaction: "c" });
    client.frame("ABORT", { transaction: "a" });
    await client.request("COMMIT", { transaction: "b" });
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    expect(await bodies(client, 2)).toEqual(["c", "b"]);
    client.frame("COMMIT", { transaction: "a" });
    expect((await client.expect("ERROR")).headers["message"]).toBe("Bad transaction");
  });

  it("hold acknowledgements, of several subscriptions, until COMMIT or for nothing", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/a", ack: "client" });
    await client.request("SUBSCRIBE", { id: 1, destination: "/queue/b", ack: "client-individual" });
    for (const queue of ["a", "b"]) {
      for (let body = 0; body < 2; body++) client.frame("SEND", { destination: `/queue/${queue}` }, `${body}`);
    }
    const [, , , last] = await messages(client, 4);
    const acks = ["1@2", "2@1"];
    const unacked = (): number =>
      (queueOf(fixture, "a")?.unackedCount ?? 0) + (queueOf(fixture, "b")?.unackedCount ?? 0);
    client.frame("BEGIN", { transaction: "t" });
    for (const id of acks) client.frame("ACK", { id, transaction: "t" });
    await client.request("ABORT", { transaction: "t" });
    expect(unacked()).toBe(4);
    client.frame("BEGIN", { transaction: "t" });
    for (const id of acks) client.frame("ACK", { id, transaction: "t" });
    await client.request("NACK", { id: last?.headers["ack"] ?? "", transaction: "t", requeue: "false" });
    expect(unacked()).toBe(4);
    await client.request("COMMIT", { transaction: "t" });
    expect(unacked()).toBe(0);
    expect(fixture.broker.totals.acknowledged).toBe(3);
  });

  it("that are open at the end give everything back", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", { id: 0, destination: "/queue/q", ack: "client" });
    client.frame("SEND", { destination: "/queue/q" }, "1");
    const [message] = await messages(client, 1);
    client.frame("BEGIN", { transaction: "t" });
    client.frame("SEND", { destination: "/queue/q", transaction: "t" }, "never");
    await client.request("ACK", { id: message?.headers["ack"] ?? "", transaction: "t" });
    client.destroy();
    await until(() => queueOf(fixture, "q")?.readyCount === 1);
    expect(queueOf(fixture, "q")?.unackedCount).toBe(0);
  });

  it("have names that are open once, and are bounded in number", async () => {
    const fixture = await startAdapter({ limits: { transactionsMax: 2 } });
    const client = await fixture.client();
    await client.request("BEGIN", { transaction: "a" });
    client.frame("BEGIN", { transaction: "a" });
    expect((await client.expect("ERROR")).body.toString()).toBe("Transaction 'a' is already open\n");
    const other = await fixture.client();
    await other.request("BEGIN", { transaction: "a" });
    await other.request("BEGIN", { transaction: "b" });
    other.frame("BEGIN", { transaction: "c" });
    expect((await other.expect("ERROR")).body.toString()).toContain("More than 2 open transactions");
  });
});

describe("selectors", () => {
  it("of a topic subscription leave nothing behind of what they refuse", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.request("SUBSCRIBE", {
      id: 0,
      destination: "/topic/a",
      selector: "price > 10 AND color = 'red'",
      ack: "client",
    });
    for (const [price, color] of [
      [5, "red"],
      [15, "blue"],
      [20, "red"],
      [30, "red"],
    ] as const) {
      client.frame("SEND", { destination: "/topic/a", price, color }, `${price}`);
    }
    expect(await bodies(client, 2)).toEqual(["20", "30"]);
    const [name = ""] = queueNames(fixture);
    expect(queueOf(fixture, name)).toMatchObject({ readyCount: 0, unackedCount: 2 });
  });

  it("of a shared queue leave the rest to others", async () => {
    const fixture = await startAdapter();
    const red = await fixture.client();
    await red.request("SUBSCRIBE", { id: 0, destination: "/queue/q", selector: "color = 'red'" });
    for (const [index, color] of ["blue", "red", "green", "red"].entries()) {
      await red.request("SEND", { destination: "/queue/q", color }, `${index}`).then((before) => {
        expect(before).toHaveLength(color === "red" ? 1 : 0);
      });
    }
    expect(queueOf(fixture, "q")?.readyCount).toBe(2);
    const blue = await fixture.client();
    await blue.request("SUBSCRIBE", { id: 0, destination: "/queue/q", selector: "color = 'blue'" });
    expect(await bodies(blue, 1)).toEqual(["0"]);
    const all = await fixture.client();
    await all.request("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    expect(await bodies(all, 1)).toEqual(["2"]);
  });

  it("see properties by their header and by their name in Jakarta Messaging", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const selectors = [
      "JMSPriority = 7",
      "JMSDeliveryMode = 'PERSISTENT'",
      "JMSCorrelationID LIKE 'c-%'",
      "JMSType = 't' AND type = 't'",
      "JMSMessageID = 'm'",
      "JMSTimestamp = 1700000000000 AND timestamp = 1700000000",
      "JMSReplyTo IS NOT NULL",
      "JMSExpiration > 0",
      "\"content-type\" = 'text/plain'",
      "JMSDestination = '/topic/a'",
    ];
    for (const [id, selector] of selectors.entries()) {
      await client.request("SUBSCRIBE", { id, destination: "/topic/a", selector: selector.replaceAll(":", "\\c") });
    }
    client.frame("SEND", { destination: "/topic/a" }, "plain");
    client.frame(
      "SEND",
      {
        destination: "/topic/a",
        priority: 7,
        persistent: "true",
        "correlation-id": "c-1",
        type: "t",
        "amqp-message-id": "m",
        timestamp: 1_700_000_000,
        "reply-to": "/queue/r",
        expiration: 100_000,
        "content-type": "text/plain",
      },
      "full",
    );
    const frames = await messages(client, selectors.length + 1);
    const full = frames
      .filter((one) => one.body.toString() === "full")
      .map((one) => Number(one.headers["subscription"]));
    expect(full.sort((left, right) => left - right)).toEqual(selectors.map((_, id) => id));
    // The destination alone is what the plain message has.
    expect(frames.find((one) => one.body.toString() === "plain")?.headers["subscription"]).toBe("9");
  });

  it("and no-local keep a client's own messages from it, and from nobody else", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const other = await fixture.client();
    await client.request("SUBSCRIBE", { id: "own", destination: "/topic/a" });
    await client.request("SUBSCRIBE", { id: "foreign", destination: "/topic/a", "no-local": "true" });
    await other.request("SUBSCRIBE", { id: "theirs", destination: "/topic/a", "no-local": "true" });
    await client.request("SEND", { destination: "/topic/a" }, "mine").then((before) => {
      expect(before.map((one) => one.headers["subscription"])).toEqual(["own"]);
    });
    expect(await bodies(other, 1)).toEqual(["mine"]);
    await other.request("SEND", { destination: "/topic/a" }, "theirs").then((before) => expect(before).toEqual([]));
    const got = await messages(client, 2);
    expect(got.map((one) => one.headers["subscription"]).sort()).toEqual(["foreign", "own"]);
  });
});
