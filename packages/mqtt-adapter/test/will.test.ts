import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter, TestDisk } from "./adapter-fixture.ts";
import type { ConnectOptions, PacketOf, RawClient } from "./raw-client.ts";

type Will = NonNullable<ConnectOptions["will"]>;

const will: Will = { topic: "state/test", payload: "gone", qos: 1, retain: false };
const delayed: Will = { ...will, properties: { willDelayInterval: 60 } };
const hour = { sessionExpiryInterval: 3600 };

/** A client that is subscribed to the will's topic with QoS 2. */
async function watcher(fixture: AdapterFixture, options: ConnectOptions = {}): Promise<RawClient> {
  const client = await fixture.client({ clientId: "watcher", ...options });
  await client.subscribe({ topic: "state/+", qos: 2 });
  return client;
}

async function willAt(client: RawClient): Promise<PacketOf<"publish">> {
  const publish = await client.expect("publish");
  expect(publish.topic).toBe("state/test");
  expect(publish.payload.toString()).toBe("gone");
  return publish;
}

describe("a will", () => {
  it("is not sent where its user may not publish there any more", async () => {
    const fixture = await startAdapter();
    const { users } = fixture.broker;
    await users.put("room", "secret", []);
    await users.setPermissions("room", "/", { configure: ".*", write: ".*", read: ".*" });
    const watching = await watcher(fixture);
    const credentials = { username: "room", password: "secret" };
    const client = await fixture.client({ clientId: "room", will, ...credentials });
    const other = await fixture.client({ clientId: "other", will: { ...will, payload: "of guest" } });
    await users.setTopicPermissions("room", "/", "amq.topic", { write: "^room\\.", read: ".*" });
    client.destroy();
    await until(() => fixture.log.some((line) => line.startsWith("will not published")));
    other.destroy();
    expect((await watching.expect("publish")).payload.toString()).toBe("of guest");
  });

  it.each([0, 1, 2] as const)("of QoS %i is sent when the socket closes", async (qos) => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    const client = await fixture.client({ will: { ...will, qos } });
    client.destroy();
    expect(await willAt(watching)).toMatchObject({ qos, retain: false });
  });

  it("keeps its properties, user properties in their order", async () => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 100,
      contentType: "text/plain",
      responseTopic: "answers",
      correlationData: Buffer.from("7"),
      userProperties: { b: ["1", "2"], a: "3" },
    };
    const client = await fixture.client({ will: { ...will, properties } });
    client.destroy();
    const { properties: got } = await willAt(watching);
    expect(got).toMatchObject({ ...properties, userProperties: expect.anything() });
    expect(JSON.stringify(got?.userProperties)).toBe('{"b":["1","2"],"a":"3"}');
  });

  it("goes where a reply address leads that another protocol gave", async () => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    const client = await fixture.client({ will: { ...will, topic: "$reply-to//topic/state.test" } });
    client.destroy();
    await willAt(watching);
  });

  it("has its exact topic, with dots and all", async () => {
    const fixture = await startAdapter();
    const watching = await fixture.client({ clientId: "watcher" });
    await watching.subscribe("v1.0/#");
    const client = await fixture.client({ will: { ...will, topic: "v1.0/x.y" } });
    client.destroy();
    expect((await watching.expect("publish")).topic).toBe("v1.0/x.y");
  });

  it("is retained where it says so", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ will: { ...will, retain: true } });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    const watching = await watcher(fixture);
    expect(await willAt(watching)).toMatchObject({ retain: true });
  });

  it("is sent at a protocol error, a keep alive time-out, and DISCONNECT with 0x04", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const watching = await watcher(fixture);
    const wrong = await fixture.client({ will });
    wrong.send(Buffer.from([0xf1, 0]));
    await willAt(watching);
    await fixture.client({ will, keepalive: 10 });
    clock.advance(17_500);
    await willAt(watching);
    const leaving = await fixture.client({ will });
    await leaving.disconnect(0x04);
    await willAt(watching);
  });

  it("is not sent after DISCONNECT", async () => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    await (await fixture.client({ will })).disconnect();
    const older = await fixture.client({ will, protocolVersion: 4 });
    older.packet({ cmd: "disconnect" });
    await older.end();
    await until(() => fixture.adapter.connectionCount === 1);
    await watching.ping();
  });

  it("of a connection that is taken over is sent", async () => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    await fixture.client({ will, clean: false, properties: hour });
    await fixture.client({ clean: false, properties: hour });
    await willAt(watching);
  });

  it("is sent when the broker shuts down", async () => {
    const disk = new TestDisk();
    const before = await disk.start();
    const options = { clean: false, properties: hour } as const;
    const watching = await watcher(before, options);
    await watching.disconnect();
    await before.client({ will });
    await before.close();
    const after = await disk.start();
    const again = await after.client({ clientId: "watcher", ...options });
    await willAt(again);
  });
});

describe("a delayed will", () => {
  it("is sent after its delay", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const watching = await watcher(fixture);
    const client = await fixture.client({ will: delayed, clean: false, properties: hour });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    clock.advance(59_999);
    await watching.ping();
    clock.advance(1);
    await willAt(watching);
    clock.advance(3_600_000);
    await watching.ping();
  });

  it("is not sent where the client is back before, and is where it starts clean", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const watching = await watcher(fixture);
    const options = { will: delayed, clean: false, properties: hour } as const;
    (await fixture.client(options)).destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    const back = await fixture.client({ clean: false, properties: hour });
    clock.advance(60_000);
    await watching.ping();
    await back.disconnect();
    (await fixture.client(options)).destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    await fixture.client({ clean: true });
    await willAt(watching);
  });

  it("is not sent at a take-over that goes on with the session", async () => {
    const fixture = await startAdapter();
    const watching = await watcher(fixture);
    await fixture.client({ will: delayed, clean: false, properties: hour });
    await fixture.client({ clean: false, properties: hour });
    await watching.ping();
  });

  it("is sent when the session ends before", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const watching = await watcher(fixture);
    const client = await fixture.client({ will: delayed, clean: false, properties: { sessionExpiryInterval: 10 } });
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    clock.advance(10_000);
    await willAt(watching);
    const transient = await fixture.client({ will: delayed });
    transient.destroy();
    await willAt(watching);
  });

  it.each(["close", "crash"] as const)("is sent once over a restart (%s)", async (how) => {
    const disk = new TestDisk();
    const clock = new FakeClock();
    const watching = { clean: false, properties: hour, clientId: "watcher" } as const;
    const before = await disk.start({ clock });
    await watcher(before, watching);
    await before.client({ will: delayed, clean: false, properties: hour });
    if (how === "close") await before.close();
    else await disk.crash(before);

    const later = new FakeClock(clock.nowMs() + 30_000);
    const between = await disk.start({ clock: later });
    const watchingAgain = await between.client(watching);
    await watchingAgain.ping();
    later.advance(60_000);
    const publish = await willAt(watchingAgain);
    watchingAgain.packet({ cmd: "puback", messageId: publish.messageId ?? 0 });
    await watchingAgain.ping();
    await between.close();

    const after = await disk.start({ clock: new FakeClock(later.nowMs() + 120_000) });
    const last = await after.client(watching);
    await last.ping();
  });
});
