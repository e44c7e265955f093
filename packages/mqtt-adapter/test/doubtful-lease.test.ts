import { Deadline } from "@jackalope/core/storage";
import { FakeClock, HeldStorage, until } from "@jackalope/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";
import type { ConnectOptions, RawClient } from "./raw-client.ts";

const leaseMs = 800;
const kept: ConnectOptions = { clean: false, properties: { sessionExpiryInterval: 3600 } };
const will = { topic: "state/test", payload: "gone", qos: 1, retain: false } as const;

let clock: FakeClock;
let fixture: AdapterFixture;

beforeEach(async () => {
  clock = new FakeClock();
  fixture = await startAdapter({ clock });
  renew();
});

function renew(): void {
  fixture.broker.store.ownedUntil(new Deadline(clock, leaseMs));
}

/** A client that is subscribed to everything. */
async function watcher(): Promise<RawClient> {
  const client = await fixture.client({ clientId: "watcher" });
  await client.subscribe({ topic: "#", qos: 1 });
  return client;
}

function publish(client: RawClient, topic: string, retain: boolean): void {
  client.packet({ cmd: "publish", topic, payload: topic, qos: 0, messageId: 0, dup: false, retain });
}

describe("while another broker may have the store", () => {
  it("retained messages wait, which it may have replaced; what is published now does not", async () => {
    const client = await fixture.client({ clientId: "publisher" });
    publish(client, "retained", true);
    await client.ping();
    clock.advance(leaseMs);
    const watching = await watcher();
    publish(client, "new", false);
    expect((await watching.expect("publish")).topic).toBe("new");
    renew();
    expect(await watching.expect("publish")).toMatchObject({ topic: "retained", retain: true });
  });

  it("the will of a session that is stored waits, which it may have sent", async () => {
    const watching = await watcher();
    const [stored, own] = [await fixture.client({ ...kept, clientId: "stored", will }), await fixture.client({ will })];
    clock.advance(leaseMs);
    stored.destroy();
    own.destroy();
    await watching.expect("publish");
    await until(() => fixture.adapter.connectionCount === 1);
    await watching.ping();
    renew();
    expect((await watching.expect("publish")).topic).toBe("state/test");
  });

  it("the will that waits is sent once, and not that of the next connection", async () => {
    const watching = await watcher();
    const first = await fixture.client({ ...kept, clientId: "stored", will });
    clock.advance(leaseMs);
    first.destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    await fixture.client({ ...kept, clientId: "stored", will: { ...will, payload: "still there" } });
    await watching.ping();
    renew();
    expect((await watching.expect("publish")).payload.toString()).toBe("gone");
    await watching.ping();
  });

  it("wills of stored sessions are not sent by a broker that steps down", async () => {
    await fixture.client({ ...kept, clientId: "stored", will });
    const watching = await watcher();
    fixture.broker.store.ownershipLost();
    const closed = fixture.close();
    await watching.expect("disconnect");
    await closed;
  });
});

it("a message of QoS 2 that waits for the record of its identifier waits for the lease, too", async () => {
  const storage = new HeldStorage();
  fixture = await startAdapter({ clock, storage });
  renew();
  const client = await fixture.client({ ...kept, clientId: "taker" });
  await client.subscribe({ topic: "a", qos: 2 });
  storage.hold();
  const publisher = await fixture.client({ clientId: "publisher" });
  publisher.packet({ cmd: "publish", topic: "a", payload: "held", qos: 2, messageId: 1, dup: false, retain: false });
  await publisher.ping();
  clock.advance(leaseMs);
  storage.commit();
  await client.ping();
  renew();
  expect((await client.expect("publish")).payload.toString()).toBe("held");
});
