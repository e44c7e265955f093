import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

describe("keep alive", () => {
  it("ends a silent connection after one and a half intervals and at most a quarter", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ keepalive: 10 });
    clock.advance(14_900);
    await client.ping();
    clock.advance(14_900);
    expect(fixture.adapter.connectionCount).toBe(1);
    expect(fixture.log).toEqual([]);
    clock.advance(2600);
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
    await client.end();
    expect(fixture.log.join()).toContain("MQTT-3.1.2-22");
  });

  it("ends an older client without a word", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ keepalive: 10, protocolVersion: 4 });
    clock.advance(17_500);
    await client.end();
  });

  it("goes by any packet", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ keepalive: 10 });
    for (let count = 0; count < 5; count++) {
      clock.advance(14_000);
      const before = fixture.broker.totals.published;
      client.packet({ cmd: "publish", topic: "a", payload: "", qos: 0, dup: false, retain: false });
      await until(() => fixture.broker.totals.published > before);
    }
    expect(fixture.adapter.connectionCount).toBe(1);
  });

  it("of 0 is none, and leaves no timer", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const before = clock.pendingCount;
    const client = await fixture.client({ keepalive: 0 });
    expect(clock.pendingCount).toBe(before);
    clock.advance(1_000_000);
    await client.ping();
  });

  it("is the server's where it sets one", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock, limits: { keepAliveSecondsMax: 4 } });
    const client = await fixture.client({ keepalive: 100 });
    clock.advance(7000);
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
  });

  it("does not count silence while a publish of the client waits for the end of an alarm", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ keepalive: 10 });
    fixture.broker.alarms.set("memory", "test", true);
    client.packet({ cmd: "publish", topic: "a", payload: "", qos: 0, dup: false, retain: false });
    await until(() => fixture.broker.heldTotal.bytes > 0);
    await client.ping();
    clock.advance(100_000);
    expect(fixture.adapter.connectionCount).toBe(1);
    expect(fixture.broker.totals.published).toBe(0);
    fixture.broker.alarms.set("memory", "test", false);
    await client.ping();
    expect(fixture.broker.totals.published).toBe(1);
    clock.advance(30_000);
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
  });
});
