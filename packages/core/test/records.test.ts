import { expect, test } from "vitest";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker } from "./fixture/test-broker.ts";

test("records come back by kind and name, once, and removed ones do not", async () => {
  const disk = new Disk();
  const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
  first.host.records.put("session", "one", Buffer.from("1"));
  first.host.records.put("session", '["two"]', Buffer.from("2"));
  first.host.records.put("other", "one", Buffer.from("3"));
  first.host.records.put("session", "one", null);
  first.endTurn();
  await first.broker.close();
  const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
  const records = [...second.host.records.claim("session")].map(([name, value]) => [name, String(value)]);
  expect(records).toEqual([['["two"]', "2"]]);
  expect(second.host.records.claim("session").size).toBe(0);
  await second.broker.deleteVirtualHost("/");
  await second.broker.close();
  const third = await TestBroker.open({ storage: new KeepingStorage(disk) });
  expect(third.host.records.claim("other").size).toBe(0);
});

test("a record that cannot be read stays where it is, and the others are taken", async () => {
  const disk = new Disk();
  const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
  for (const name of ["one", "bad", "two"]) first.host.records.put("session", name, Buffer.from(name));
  first.endTurn();
  await first.broker.close();
  for (let start = 0; start < 2; start++) {
    const next = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const taken: string[] = [];
    const unread = next.host.records.claimEach("session", (name) => {
      if (name === "bad") throw new Error("unreadable");
      taken.push(name);
    });
    expect([taken, unread]).toEqual([["one", "two"], ["bad"]]);
    expect(next.broker.containment.counts.recovery).toBe(1);
    await next.broker.close();
  }
});
