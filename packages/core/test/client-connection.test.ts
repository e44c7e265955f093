import { beforeEach, describe, expect, test } from "vitest";
import type { ClientConnection } from "../src/client-connection.ts";
import type { BindingSpec } from "../src/exchange/binding.ts";
import type { ExchangeSpec } from "../src/exchange/exchange.ts";
import { type FieldTable, stringField } from "../src/field-value.ts";
import { refusal, table, TestBroker, TestChannel } from "./fixture/test-broker.ts";

let broker: TestBroker;
let client: ClientConnection;

beforeEach(async () => {
  broker = await TestBroker.open();
  client = broker.client;
});

const durable = { durable: true, exclusive: false, autoDelete: false, arguments: [] };
const exclusive = { ...durable, durable: false, exclusive: true };
const direct: ExchangeSpec = { type: "direct", durable: true, autoDelete: false, internal: false, arguments: [] };
const title = "queue 'q' in vhost '/'";
const locked = (name: string): string =>
  `resource-locked: cannot obtain exclusive access to locked queue '${name}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`;

describe("declaring a queue again", () => {
  test("the same is fine, also with another width of number, classic by name, and mode or version", async () => {
    const queue = await broker.queue("q", { "x-max-length": 5 });
    const same = await broker.queue("q", {
      "x-max-length": { kind: "int64", value: 5n },
      "x-queue-type": "classic",
      "x-queue-mode": "lazy",
    });
    expect(same).toBe(queue);
  });

  test.each([
    ["durable", { ...durable, durable: false }, "received 'false' but current is 'true'"],
    ["auto_delete", { ...durable, autoDelete: true }, "received 'true' but current is 'false'"],
    [
      "x-message-ttl",
      { ...durable, arguments: table({ "x-message-ttl": 1000, "x-max-length": 5 }) },
      "received the value '1000' of type 'signedint' but current is none",
    ],
    ["x-max-length", durable, "received none but current is the value '5' of type 'signedint'"],
    ["x-max-length", { ...durable, arguments: table({ "x-max-length": 6 }) }, "received '6' but current is '5'"],
    [
      "x-queue-type",
      { ...durable, arguments: table({ "x-max-length": 5, "x-queue-type": "quorum" }) },
      "received the value 'quorum' of type 'longstr' but current is none",
    ],
  ])("another %s is refused in RabbitMQ's words", async (name, spec, words) => {
    await broker.queue("q", { "x-max-length": 5 });
    expect(await refusal(() => client.declareQueue("q", spec))).toBe(
      `precondition-failed: inequivalent arg '${name}' for ${title}: ${words}`,
    );
  });

  test("shared as exclusive, and exclusive as shared, are locked", async () => {
    await client.declareQueue("shared", durable);
    await client.declareQueue("mine", exclusive);
    expect(await refusal(() => client.declareQueue("shared", { ...durable, exclusive: true }))).toBe(locked("shared"));
    expect(await refusal(() => client.declareQueue("mine", { ...exclusive, exclusive: false }))).toBe(locked("mine"));
  });
});

describe("queues", () => {
  test("an empty name asks for one made by the broker", async () => {
    const queue = await client.declareQueue("", durable);
    expect(queue.name).toMatch(/^amq\.gen-[\w-]{22}$/);
    expect(await client.declareQueue(queue.name, durable)).toBe(queue);
  });

  test("reserved names, missing queues, queues in use", async () => {
    expect(await refusal(() => client.declareQueue("amq.mine", durable))).toBe(
      "access-refused: queue name 'amq.mine' contains reserved prefix 'amq.*'",
    );
    expect(await refusal(() => client.checkQueue("none"))).toBe("not-found: no queue 'none' in vhost '/'");
    expect(await client.deleteQueue("none", true, true)).toBe(0);
    await broker.queue("q");
    const channel = broker.channel();
    channel.publish("", "q", "m");
    expect(await refusal(() => client.deleteQueue("q", false, true))).toBe(`precondition-failed: ${title} not empty`);
    channel.consume("q");
    expect(await refusal(() => client.deleteQueue("q", true, false))).toBe(`precondition-failed: ${title} in use`);
    expect(await client.deleteQueue("q", false, true)).toBe(0);
  });

  test("quorum queues are durable, shared, permanent and named", async () => {
    const quorum = table({ "x-queue-type": "quorum" });
    const words = (wrong: string): string => `precondition-failed: invalid property '${wrong}' for ${title}`;
    const declare = (spec: object): Promise<string> =>
      refusal(() => client.declareQueue("q", { ...durable, arguments: quorum, ...spec }));
    expect(await declare({ durable: false })).toBe(words("non-durable"));
    expect(await declare({ exclusive: true })).toBe(words("exclusive-owner"));
    expect(await declare({ autoDelete: true })).toBe(words("auto-delete"));
    expect(await refusal(() => client.declareQueue("", { ...durable, arguments: quorum }))).toBe(
      "precondition-failed: Cannot declare a server-named queue for type quorum",
    );
    expect(broker.host.queues.size).toBe(0);
  });

  test("the limit of a virtual host is told in RabbitMQ's words", async () => {
    const small = await TestBroker.open({ limits: { queuesPerVirtualHostMax: 1, exchangesPerVirtualHostMax: 8 } });
    await small.queue("a");
    await small.queue("a");
    expect(await refusal(() => small.queue("b"))).toBe(
      "quota-exceeded: cannot declare queue 'b' in vhost '/': queue limit in vhost '/' (1) is reached",
    );
    await small.exchange("x", "fanout");
    expect(await refusal(() => small.exchange("y", "fanout"))).toBe(
      "quota-exceeded: cannot declare exchange 'y' in vhost '/': exchange limit of 8 is reached",
    );
  });
});

describe("exclusive queues", () => {
  test("are locked for every other connection, whatever it asks for", async () => {
    await client.declareQueue("mine", exclusive);
    const other = broker.connect();
    const channel = new TestChannel(other);
    const binding: BindingSpec = {
      source: "amq.direct",
      destination: "mine",
      destinationKind: "queue",
      routingKey: "k",
      arguments: [],
    };
    const calls = [
      () => other.declareQueue("mine", exclusive),
      () => other.checkQueue("mine"),
      () => other.deleteQueue("mine", false, false),
      () => other.purgeQueue("mine"),
      () => other.bind(binding),
      () => other.unbind(binding),
      () => channel.consume("mine"),
      () => channel.get("mine"),
    ];
    for (const call of calls) expect(await refusal(call)).toBe(locked("mine"));
    channel.publish("", "mine", "open to publishers");
    expect(broker.channel().drain("mine")).toEqual(["open to publishers"]);
  });

  test("end with their connection, not with a channel", async () => {
    const owner = broker.connect();
    await owner.declareQueue("mine", exclusive);
    const channel = new TestChannel(owner);
    channel.consume("mine");
    channel.channel.close();
    expect(broker.host.queues.has("mine")).toBe(true);
    owner.close();
    owner.close();
    expect(broker.host.queues.has("mine")).toBe(false);
    expect([broker.broker.connections.size, broker.broker.totals.connectionsClosed]).toEqual([1, 1]);
  });

  test("ten thousand of them end quickly with their bindings", async () => {
    const owner = broker.connect();
    for (let index = 0; index < 10_000; index++) {
      const queue = await owner.declareQueue("", exclusive);
      await owner.bind({
        source: "amq.fanout",
        destination: queue.name,
        destinationKind: "queue",
        routingKey: "",
        arguments: [],
      });
    }
    const startedAtMs = performance.now();
    owner.close();
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
    expect([broker.host.queues.size, broker.host.exchanges.get("amq.fanout")?.bindings.size]).toEqual([0, 0]);
  });
});

describe("exchanges", () => {
  test.each([
    ["type", { ...direct, type: "fanout" }, "received 'fanout' but current is 'direct'"],
    ["durable", { ...direct, durable: false }, "received 'false' but current is 'true'"],
    ["auto_delete", { ...direct, autoDelete: true }, "received 'true' but current is 'false'"],
    ["internal", { ...direct, internal: true }, "received 'true' but current is 'false'"],
    [
      "alternate-exchange",
      { ...direct, arguments: table({ "alternate-exchange": "ae" }) },
      "received the value 'ae' of type 'longstr' but current is none",
    ],
  ])("another %s is refused in RabbitMQ's words", async (name, spec, words) => {
    await client.declareExchange("x", direct);
    await client.declareExchange("x", direct);
    expect(await refusal(() => client.declareExchange("x", spec))).toBe(
      `precondition-failed: inequivalent arg '${name}' for exchange 'x' in vhost '/': ${words}`,
    );
  });

  test("what cannot be declared, deleted or found", async () => {
    const cases: [() => unknown, string][] = [
      [
        () => client.declareExchange("x", { ...direct, type: "x-odd" }),
        "precondition-failed: unknown exchange type 'x-odd'",
      ],
      [() => client.declareExchange("", direct), "access-refused: operation not permitted on the default exchange"],
      [() => client.deleteExchange("", false), "access-refused: operation not permitted on the default exchange"],
      [
        () => client.declareExchange("amq.x", direct),
        "access-refused: exchange name 'amq.x' contains reserved prefix 'amq.*'",
      ],
      [
        () => client.deleteExchange("amq.topic", false),
        "access-refused: deletion of system exchange 'amq.topic' in vhost '/' not allowed",
      ],
      [() => client.checkExchange("none"), "not-found: no exchange 'none' in vhost '/'"],
      [
        () => client.declareExchange("x", { ...direct, arguments: table({ "alternate-exchange": 1 }) }),
        "precondition-failed: invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
      ],
    ];
    for (const [call, words] of cases) expect(await refusal(call)).toBe(words);
    await client.declareExchange("amq.direct", direct);
    await client.deleteExchange("none", true);
  });

  test("if-unused looks at what leads from it, not at what leads to it", async () => {
    for (const name of ["from", "to"]) await broker.exchange(name, "fanout");
    await broker.bindExchange("from", "to");
    expect(await refusal(() => client.deleteExchange("from", true))).toBe(
      "precondition-failed: exchange 'from' in vhost '/' in use",
    );
    await client.deleteExchange("to", true);
    await client.deleteExchange("from", true);
    expect(["from", "to"].filter((name) => broker.host.exchanges.has(name))).toEqual([]);
  });
});

describe("bindings", () => {
  const binding = (source: string, destination: string): BindingSpec => ({
    source,
    destination,
    destinationKind: "queue",
    routingKey: "k",
    arguments: [],
  });

  test("of a missing source or destination; the source is named where both are missing", async () => {
    await broker.queue("q");
    const bind = client.bind.bind(client);
    expect(await refusal(() => bind(binding("x", "none")))).toBe("not-found: no exchange 'x' in vhost '/'");
    expect(await refusal(() => bind(binding("amq.direct", "none")))).toBe("not-found: no queue 'none' in vhost '/'");
    await client.unbind(binding("x", "none"));
    await client.unbind(binding("amq.direct", "none"));
    for (const call of [bind, client.unbind.bind(client)]) {
      expect(await refusal(() => call(binding("", "q")))).toBe(
        "access-refused: operation not permitted on the default exchange",
      );
    }
    await client.unbind(binding("amq.direct", "q"));
  });

  test("bound twice is bound once; other arguments make another binding", async () => {
    await broker.queue("q");
    const bindings = broker.host.exchanges.get("amq.direct")?.bindings;
    await broker.bind("amq.direct", "q", "k");
    await broker.bind("amq.direct", "q", "k");
    expect(bindings?.size).toBe(1);
    await broker.bind("amq.direct", "q", "k", { a: 1, b: 2 });
    await broker.bind("amq.direct", "q", "k", { b: 2, a: 1 });
    expect(bindings?.size).toBe(2);
    await client.unbind({ ...binding("amq.direct", "q"), arguments: table({ b: 2, a: 1 }) });
    expect(bindings?.size).toBe(1);
  });

  test("a binding whose arguments are refused leaves nothing behind", async () => {
    await broker.queue("q");
    await expect(broker.bind("amq.headers", "q", "", { "x-match": "odd" })).rejects.toThrow("Invalid x-match");
    expect([
      broker.host.exchanges.get("amq.headers")?.bindings.size,
      broker.host.queues.get("q")?.incoming.size,
    ]).toEqual([0, 0]);
  });

  test("are limited for each virtual host", async () => {
    const small = await TestBroker.open({ limits: { bindingsPerVirtualHostMax: 1 } });
    await small.queue("q");
    await small.bind("amq.direct", "q", "a");
    expect(await refusal(() => small.bind("amq.direct", "q", "b"))).toMatch(/^quota-exceeded: binding limit/);
    await small.client.unbind({ ...binding("amq.direct", "q"), routingKey: "a" });
    await small.bind("amq.direct", "q", "b");
  });
});

describe("permissions", () => {
  const refused = (permission: string, kind: string, name: string): string =>
    `access-refused: ${permission} access to ${kind} '${name}' in vhost '/' refused for user 'u'`;
  let limited: ClientConnection;

  /** User u: may configure `c.*`, write `w.*`, read `r.*`. */
  beforeEach(async () => {
    await broker.broker.users.put("u", "secret", []);
    await broker.broker.users.setPermissions("u", "/", { configure: "^c", write: "^w", read: "^r" });
    for (const name of ["q", "w-q", "r-q"]) await broker.queue(name);
    for (const name of ["x", "w-x", "r-x"]) await broker.exchange(name, "topic");
    limited = broker.connect("u");
  });

  test("each operation asks for its own, in RabbitMQ's words", async () => {
    const channel = new TestChannel(limited);
    const bind = (
      source: string,
      destination: string,
      destinationKind: "queue" | "exchange" = "queue",
    ): Promise<void> => limited.bind({ source, destination, destinationKind, routingKey: "k", arguments: [] });
    const cases: [() => unknown, string][] = [
      [() => limited.declareQueue("q", durable), refused("configure", "queue", "q")],
      [() => limited.deleteQueue("q", false, false), refused("configure", "queue", "q")],
      [() => limited.declareExchange("x", direct), refused("configure", "exchange", "x")],
      [() => limited.deleteExchange("x", false), refused("configure", "exchange", "x")],
      [() => limited.purgeQueue("q"), refused("read", "queue", "q")],
      [() => channel.consume("q"), refused("read", "queue", "q")],
      [() => channel.get("q"), refused("read", "queue", "q")],
      [() => channel.publish("x", "k", "m"), refused("write", "exchange", "x")],
      [() => channel.publish("missing", "k", "m"), refused("write", "exchange", "missing")],
      [() => channel.publish("", "q", "m"), refused("write", "exchange", "amq.default")],
      [() => bind("r-x", "q"), refused("write", "queue", "q")],
      [() => bind("x", "w-q"), refused("read", "exchange", "x")],
      [() => bind("r-x", "x", "exchange"), refused("write", "exchange", "x")],
      [
        () => limited.declareQueue("c", { ...durable, arguments: table({ "x-dead-letter-exchange": "w-x" }) }),
        refused("read", "queue", "c"),
      ],
      [
        () => limited.declareExchange("c", { ...direct, arguments: table({ "alternate-exchange": "w-x" }) }),
        refused("read", "exchange", "c"),
      ],
    ];
    for (const [call, words] of cases) expect(await refusal(call)).toBe(words);
    await bind("r-x", "w-q");
    await bind("r-x", "w-x", "exchange");
    channel.publish("w-x", "k", "m");
    channel.consume("r-q");
    await limited.declareQueue("c-q", durable);
  });

  test("dead-letter and alternate exchanges have to be writable", async () => {
    await broker.broker.users.setPermissions("u", "/", { configure: "^c", write: "^w", read: "^(r|c)" });
    expect(
      await refusal(() =>
        limited.declareQueue("c", { ...durable, arguments: table({ "x-dead-letter-exchange": "" }) }),
      ),
    ).toBe(refused("write", "exchange", "amq.default"));
    expect(
      await refusal(() => limited.declareExchange("c", { ...direct, arguments: table({ "alternate-exchange": "x" }) })),
    ).toBe(refused("write", "exchange", "x"));
    await limited.declareQueue("c", { ...durable, arguments: table({ "x-dead-letter-exchange": "w-x" }) });
  });

  test("a change counts from the next publish on, also for routes that were remembered", async () => {
    const channel = new TestChannel(limited);
    const route = channel.channel.route("w-x", "k");
    await broker.broker.users.setPermissions("u", "/", { configure: "", write: "", read: "" });
    expect(channel.channel.stillValid(route)).toBe(false);
    expect(await refusal(() => channel.publish("w-x", "k", "m"))).toBe(refused("write", "exchange", "w-x"));
  });

  test("a renewed user's permissions count from then on", async () => {
    const channel = new TestChannel(limited);
    const guest = broker.client.user;
    expect(await refusal(() => channel.publish("x", "k", "m"))).toBe(refused("write", "exchange", "x"));
    limited.updateUser(guest);
    channel.publish("x", "k", "m");
  });

  test("topic permissions look at routing and binding keys of topic exchanges", async () => {
    await broker.broker.users.setPermissions("u", "/", { configure: ".*", write: ".*", read: ".*" });
    await broker.broker.users.setTopicPermissions("u", "/", "x", { write: "^{username}\\.", read: "^u" });
    await broker.exchange("f", "fanout");
    const channel = new TestChannel(limited);
    const text = (permission: string, key: string): string =>
      `access-refused: ${permission} access to topic '${key}' in exchange 'x' in vhost '/' refused for user 'u'`;
    expect(await refusal(() => channel.publish("x", "other.k", "m"))).toBe(text("write", "other.k"));
    channel.publish("x", "u.k", "m");
    channel.publish("w-x", "other.k", "m");
    const bind = (source: string, routingKey: string): Promise<void> =>
      limited.bind({ source, destination: "q", destinationKind: "queue", routingKey, arguments: [] });
    expect(await refusal(() => bind("x", "other"))).toBe(text("read", "other"));
    await bind("x", "u.#");
    await bind("f", "other");
  });

  test("topic permissions look at the topic filter of a binding that has one, whatever its key is", async () => {
    await broker.broker.users.setPermissions("u", "/", { configure: ".*", write: ".*", read: ".*" });
    await broker.broker.users.setTopicPermissions("u", "/", "x", { write: "", read: "^u\\." });
    const bind = (filter: string): Promise<void> => {
      const args: FieldTable = [["x-topic-filter", stringField(filter)]];
      return limited.bind({
        source: "x",
        destination: "q",
        destinationKind: "queue",
        routingKey: "u.k",
        arguments: args,
      });
    };
    for (const filter of ["#", "+/k", "other/k"]) {
      const key = filter.replaceAll("/", ".").replaceAll("+", "*");
      const text = `read access to topic '${key}' in exchange 'x' in vhost '/' refused for user 'u'`;
      expect(await refusal(() => bind(filter))).toBe(`access-refused: ${text}`);
    }
    await bind("u/+");
  });
});

test("many routes do not fill the memory: the cache is emptied at its limit and works on", async () => {
  const small = await TestBroker.open({ limits: { routeCacheMax: 10 } });
  await small.queue("q");
  const channel = small.channel();
  const first = channel.channel.route("", "q");
  expect(channel.channel.route("", "q")).toBe(first);
  for (let key = 0; key < 25; key++) channel.channel.route("", `${key}`);
  expect(channel.channel.route("", "q")).not.toBe(first);
  channel.publish("", "q", "m");
  expect(channel.drain("q")).toEqual(["m"]);
});
