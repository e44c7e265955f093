import { describe, expect, test } from "vitest";
import type { BindingSpec } from "../src/exchange/binding.ts";
import { HurriedClock } from "./fixture/hurried-clock.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker, TestChannel } from "./fixture/test-broker.ts";

const count = 2000;
const queueSpec = { durable: true, exclusive: false, autoDelete: false, arguments: [] };

const bindingTo = (destination: string): BindingSpec => ({
  source: "amq.topic",
  destination,
  destinationKind: "queue",
  routingKey: destination,
  arguments: [],
});

async function openBroker(disk: Disk): Promise<TestBroker> {
  return TestBroker.open({ clock: new HurriedClock(), storage: new KeepingStorage(disk) });
}

/** A virtual host with `count` queues, each with a binding and a message, and as many records. */
async function fill(broker: TestBroker): Promise<void> {
  const host = await broker.broker.createVirtualHost("big");
  await broker.broker.users.setPermissions("guest", "big", { configure: ".*", write: ".*", read: ".*" });
  const { user } = broker.client;
  const facts = { name: "", protocol: "", peer: "", onClose: () => {} };
  const client = broker.broker.openConnection({ virtualHost: "big", user, ...facts });
  for (let index = 0; index < count; index++) {
    await client.declareQueue(`q${index}`, queueSpec);
    await client.bind(bindingTo(`q${index}`));
    new TestChannel(client).publish("", `q${index}`, "m", { deliveryMode: 2 });
    host.records.put("kind", `record ${index}`, Buffer.from("r"));
  }
  broker.endTurn();
}

describe("a virtual host with very many queues", () => {
  test("is gone at once and emptied turn by turn; whoever makes it again waits for that, and finds nothing", async () => {
    const disk = new Disk();
    const broker = await openBroker(disk);
    const before = new Set(disk.definitions.keys());
    await fill(broker);
    const host = broker.broker.virtualHosts.get("big");
    const deleting = broker.broker.deleteVirtualHost("big");
    expect(broker.broker.virtualHosts.has("big")).toBe(false);
    let made = false;
    const making = broker.broker.createVirtualHost("big").then((again) => {
      made = true;
      return again;
    });
    let longest = 0;
    for (let left = count; left > 0; left = host?.queues.size ?? 0) {
      expect(made).toBe(false);
      broker.endTurn();
      await Promise.resolve();
      longest = Math.max(longest, left - (host?.queues.size ?? 0));
    }
    expect(longest).toBeLessThan(600);
    await broker.broker.turn.finishActs();
    broker.endTurn();
    await deleting;
    const again = await making;
    expect([again.queues.size, again.exchange("amq.topic")?.bindings.size]).toEqual([0, 0]);
    broker.endTurn();
    await broker.broker.deleteVirtualHost("big");
    broker.endTurn();
    // Records are removed by the adapters whose they are, and there is none here.
    const kept = [...disk.definitions.keys()].filter((key) => !before.has(key) && !key.includes('"record"'));
    expect([kept, disk.unsettled]).toEqual([[], 0]);
  });

  test("stays gone after a crash in between, and a start leaves nothing of it", async () => {
    const disk = new Disk();
    const broker = await openBroker(disk);
    const before = new Set(disk.definitions.keys());
    await fill(broker);
    void broker.broker.deleteVirtualHost("big");
    broker.endTurn();
    await Promise.resolve();
    broker.endTurn();
    expect(disk.definitions.size).toBeGreaterThan(before.size + count);
    const after = await openBroker(disk);
    expect(after.broker.virtualHosts.has("big")).toBe(false);
    after.endTurn();
    expect([new Set(disk.definitions.keys()), disk.unsettled]).toEqual([before, 0]);
    const again = await after.broker.createVirtualHost("big");
    expect(again.queues.size).toBe(0);
  });
});
