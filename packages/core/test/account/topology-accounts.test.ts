import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channelBytes, connectionBytes } from "../../src/account/topology-bytes.ts";
import type { Broker } from "../../src/broker.ts";
import type { ClientConnection } from "../../src/client-connection.ts";
import type { FieldTable } from "../../src/field-value.ts";
import { Disk, KeepingStorage } from "../fixture/keeping-storage.ts";
import { refusal, table, TestBroker, type TestChannel } from "../fixture/test-broker.ts";

/** What stands in the account of a virtual host when everything that there is is counted anew. */
function recount(broker: Broker): number {
  let bytes = 0;
  for (const host of broker.virtualHosts.values()) {
    for (const queue of host.queues.values()) bytes += queue.accountedBytes;
    for (const exchange of host.exchanges.values()) {
      if (exchange.payer !== null) bytes += exchange.accountedBytes;
      for (const binding of exchange.bindings.values()) bytes += binding.accountedBytes;
    }
  }
  for (const connection of broker.connections) {
    bytes += connectionBytes + connection.channels.size * channelBytes;
  }
  return bytes;
}

const args = fc.constantFrom<FieldTable>(
  [],
  table({ a: "b" }),
  table({ "x-match": "any", n: 1, list: "x".repeat(50) }),
);
const step = fc.oneof(
  fc.record({ do: fc.constant("queue" as const), which: fc.nat(5), exclusive: fc.boolean(), args }),
  fc.record({ do: fc.constant("exchange" as const), which: fc.nat(3), kind: fc.nat(3), autoDelete: fc.boolean() }),
  fc.record({ do: fc.constant("bind" as const), from: fc.nat(3), which: fc.nat(5), key: fc.nat(3), args }),
  fc.record({ do: fc.constant("bindExchange" as const), from: fc.nat(3), which: fc.nat(3) }),
  fc.record({ do: fc.constant("unbind" as const), from: fc.nat(3), which: fc.nat(5), key: fc.nat(3), args }),
  fc.record({ do: fc.constant("deleteQueue" as const), which: fc.nat(5) }),
  fc.record({ do: fc.constant("deleteExchange" as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant("reconnect" as const) }),
  fc.record({ do: fc.constant("restart" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const kinds = ["direct", "topic", "fanout", "headers"] as const;
const keys = ["", "a", "a.b.c", "long".repeat(50)];

async function run(client: ClientConnection, each: Step): Promise<unknown> {
  switch (each.do) {
    case "queue": {
      const { exclusive } = each;
      const spec = { durable: !exclusive, exclusive, autoDelete: false, arguments: each.args };
      return client.declareQueue(`q${each.which}`, spec);
    }
    case "exchange": {
      const { autoDelete } = each;
      const type = kinds[each.kind] as string;
      return client.declareExchange(`x${each.which}`, {
        type,
        durable: true,
        autoDelete,
        internal: false,
        arguments: [],
      });
    }
    case "bind":
    case "unbind": {
      const spec = { source: `x${each.from}`, destination: `q${each.which}`, destinationKind: "queue" as const };
      return client[each.do]({ ...spec, routingKey: keys[each.key] as string, arguments: each.args });
    }
    case "bindExchange": {
      const spec = { source: `x${each.from}`, destination: `x${each.which}`, destinationKind: "exchange" as const };
      return client.bind({ ...spec, routingKey: "k", arguments: [] });
    }
    case "deleteQueue":
      return client.deleteQueue(`q${each.which}`, false, false);
    case "deleteExchange":
      return client.deleteExchange(`x${each.which}`, false);
    default:
      return undefined;
  }
}

describe("the account of topology", () => {
  test("equals a recount after any steps, also over restarts, and is zero when everything is gone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const disk = new Disk();
        let broker = await TestBroker.open({ storage: new KeepingStorage(disk) });
        let client = broker.connect();
        for (const each of steps) {
          if (each.do === "reconnect") {
            client.close();
            client = broker.connect();
          } else if (each.do === "restart") {
            const durable = broker.broker.topologyBytes;
            client.close();
            const left = broker.broker.topologyBytes;
            broker.endTurn();
            broker = await TestBroker.open({ storage: new KeepingStorage(disk) });
            expect(broker.broker.topologyBytes, `${durable}`).toBe(left);
            client = broker.connect();
          } else await run(client, each).catch(() => undefined);
          expect(broker.broker.topologyBytes).toBe(recount(broker.broker));
        }
        for (let which = 0; which <= 5; which++) await run(client, { do: "deleteQueue", which }).catch(() => undefined);
        for (let which = 0; which <= 3; which++)
          await run(client, { do: "deleteExchange", which }).catch(() => undefined);
        client.close();
        broker.client.close();
        const accounts = broker.broker.topologyAccounts;
        for (const account of [accounts.total, ...accounts.virtualHosts.values(), ...accounts.users.values()]) {
          expect([account.title, account.bytes]).toEqual([account.title, 0]);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("knows what belongs to whom: user, virtual host, connection", async () => {
    const broker = await TestBroker.open();
    await broker.broker.users.put("other", "secret", []);
    await broker.broker.users.setPermissions("other", "/", { configure: ".*", write: ".*", read: ".*" });
    const client = broker.connect("other");
    const { users, virtualHosts } = broker.broker.topologyAccounts;
    expect(users.get("other")?.bytes).toBe(connectionBytes);
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: [] };
    const queue = await client.declareQueue("q", spec);
    await client.declareQueue("own", { ...spec, durable: false, exclusive: true });
    expect(client.payer.bytes).toBe(connectionBytes + queue.accountedBytes + 4);
    client.close();
    expect([users.get("other")?.bytes, virtualHosts.get("/")?.bytes]).toEqual([
      queue.accountedBytes,
      queue.accountedBytes + connectionBytes,
    ]);
  });

  test("counts channels, consumers, reply addresses and remembered routes until they end", async () => {
    const broker = await TestBroker.open();
    const q = await broker.queue("q");
    const before = broker.broker.topologyBytes;
    const client = broker.connect();
    const channel: TestChannel = broker.channel(client);
    const tagged = broker.broker.topologyBytes;
    channel.consume("q", { tag: "t".repeat(1000) });
    channel.channel.consumeDirectReply({ tag: "r", noAck: true, exclusive: false, arguments: [] });
    channel.channel.route("amq.topic", "k".repeat(60_000));
    expect(broker.broker.topologyBytes - tagged).toBeGreaterThan(180_000);
    channel.channel.cancel("r");
    channel.channel.cancel("t".repeat(1000));
    client.close();
    expect([broker.broker.topologyBytes, q.consumerCount]).toEqual([before, 0]);
  });

  test("the routes that a connection remembers are bounded in bytes", async () => {
    const broker = await TestBroker.open({ limits: { routeCacheBytesMax: 1_000_000 } });
    const channel = broker.channel();
    const before = broker.broker.topologyBytes;
    for (let index = 0; index < 100; index++) channel.channel.route("amq.topic", `${index}${"k".repeat(60_000)}`);
    expect(broker.broker.topologyBytes - before).toBeLessThan(1_000_000);
  });
});

const small = { topologyBytesMax: 400_000 };

describe("where an account is full", () => {
  test("definitions are refused, with the account's name, and deleting makes room", async () => {
    const broker = await TestBroker.open({ limits: { ...small, userTopologyBytesMax: 100_000 } });
    let count = 0;
    const refused = await refusal(async () => {
      for (; count < 1000; count++) await broker.queue(`q${count}`);
    });
    expect(refused).toBe(
      `quota-exceeded: cannot declare queue 'q${count}' in vhost '/': topology memory limit of user 'guest' (100000 bytes) is reached`,
    );
    expect(count).toBeGreaterThan(20);
    // What is there may be asked for again, bound or not.
    await broker.queue("q0");
    const more = refusal(async () => {
      for (let index = 0; index < 3; index++) await broker.exchange(`x${index}`, "direct");
    });
    expect(await more).toContain("' in vhost '/': topology memory limit of user");
    await broker.client.deleteQueue("q0", false, false);
    await broker.queue("again");
  });

  test("a binding that is refused leaves nothing behind", async () => {
    const broker = await TestBroker.open({ limits: { ...small, virtualHostTopologyBytesMax: 60_000 } });
    await broker.queue("q");
    const before = broker.broker.topologyBytes;
    expect(await refusal(() => broker.bind("amq.topic", "q", "a.".repeat(200)))).toContain("vhost '/' (60000 bytes)");
    expect([broker.broker.topologyBytes, broker.host.exchange("amq.topic")?.bindings.size]).toEqual([before, 0]);
  });

  test("consumers still find the room that definitions have to leave", async () => {
    const broker = await TestBroker.open({ limits: { ...small, userTopologyBytesMax: 400_000 } });
    await refusal(async () => {
      for (let count = 0; ; count++) await broker.queue(`q${count}`);
    });
    const channel = broker.channel();
    channel.consume("q0");
    expect(
      await refusal(() => {
        for (let count = 0; ; count++) channel.consume("q0", { tag: `${count}` });
      }),
    ).toBe("quota-exceeded: cannot add a consumer: topology memory limit of user 'guest' (400000 bytes) is reached");
  });

  test("channels are refused, but the first of a connection never is: somebody has to delete", async () => {
    const broker = await TestBroker.open({ limits: { ...small, connectionTopologyBytesMax: 20_000 } });
    const refused = await refusal(() => {
      for (;;) broker.channel();
    });
    expect(refused).toContain("cannot open a channel: topology memory limit of connection 'test'");
    const filler = broker.connect();
    broker.channel(filler).consume((await broker.queue("q")).name, { heldBytes: 1 });
    broker.channel(broker.connect());
  });

  test("a start takes over what is stored, whatever the bounds are now, and lets clients in to delete", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    for (let count = 0; count < 100; count++) await first.queue(`q${count}`);
    first.endTurn();
    const limits = { topologyBytesMax: 100_000, userTopologyBytesMax: 50_000 };
    const second = await TestBroker.open({ storage: new KeepingStorage(disk), limits });
    expect(second.host.queues.size).toBe(100);
    second.channel();
    expect(await refusal(() => second.queue("new"))).toContain("topology memory limit of user 'guest'");
    for (let count = 0; count < 100; count++) await second.client.deleteQueue(`q${count}`, false, false);
    await second.queue("new");
  });
});

describe("while memory is low", () => {
  test("new definitions are refused; what is there is used, asked for, unbound and deleted", async () => {
    const broker = await TestBroker.open();
    await broker.queue("q");
    await broker.bind("amq.direct", "q", "k");
    broker.broker.alarms.set("memory", "test", true);
    expect(await refusal(() => broker.queue("new"))).toBe(
      "quota-exceeded: cannot declare queue 'new' in vhost '/': memory is low",
    );
    expect(await refusal(() => broker.exchange("new", "direct"))).toContain("memory is low");
    expect(await refusal(() => broker.bind("amq.direct", "q", "new"))).toBe(
      "quota-exceeded: cannot bind queue 'q' in vhost '/': memory is low",
    );
    await broker.queue("q");
    await broker.bind("amq.direct", "q", "k");
    broker.channel(broker.connect()).consume("q");
    const key = { source: "amq.direct", destination: "q", destinationKind: "queue" as const, routingKey: "k" };
    await broker.client.unbind({ ...key, arguments: [] });
    await broker.client.deleteQueue("q", false, false);
    broker.broker.alarms.set("memory", "test", false);
    await broker.queue("new");
  });

  test("the disk alarm refuses no definition", async () => {
    const broker = await TestBroker.open();
    broker.broker.alarms.set("disk", "test", true);
    await broker.queue("new");
  });
});
