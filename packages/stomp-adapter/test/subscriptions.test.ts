import { describe, expect, it } from "vitest";
import { queueNames, queueOf, startAdapter } from "./adapter-fixture.ts";
import { bodies, messages } from "./received-messages.ts";

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

  it("for good is not for another user who comes with the same destination and id", async () => {
    const fixture = await startAdapter();
    await fixture.broker.users.put("other", "secret", []);
    await fixture.broker.users.setPermissions("other", "/", { configure: ".*", write: ".*", read: ".*" });
    const durable = { id: "sub-1", destination: "/topic/news", durable: "true" };
    const owner = await fixture.client();
    await owner.request("SUBSCRIBE", durable);
    await owner.request("DISCONNECT");
    const other = await fixture.client({ login: "other", passcode: "secret" });
    other.frame("SUBSCRIBE", durable);
    expect((await other.expect("ERROR")).body.toString()).toContain("durable subscription of another user");
    const [name = ""] = queueNames(fixture);
    await expect(fixture.core("other").deleteQueue(name, false, false)).rejects.toThrow("another user");
    // Who gives the queue a name of its own may mean to share it.
    const shared = { ...durable, "x-queue-name": "shared" };
    await (await fixture.client()).request("SUBSCRIBE", shared);
    await (await fixture.client({ login: "other", passcode: "secret" })).request("SUBSCRIBE", shared);
  });

  it("ends with an ERROR for a user that is deleted", async () => {
    const fixture = await startAdapter();
    await fixture.broker.users.put("leaver", "secret", []);
    await fixture.broker.users.setPermissions("leaver", "/", { configure: ".*", write: ".*", read: ".*" });
    const client = await fixture.client({ login: "leaver", passcode: "secret" });
    await client.request("SUBSCRIBE", { id: "a", destination: "/topic/x" });
    await fixture.broker.users.delete("leaver");
    const error = await client.expect("ERROR");
    expect([error.headers["message"], error.body.toString()]).toEqual([
      "connection_forced",
      "user 'leaver' was deleted\n",
    ]);
    await client.end();
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
