import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VirtualHost } from "@jackalope/core/adapter";
import { openLogStorage } from "@jackalope/storage-log";
import { FakeClock } from "@jackalope/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultMqttLimits } from "../src/options.ts";
import { type RetainedLimits, RetainedStore } from "../src/retained-store.ts";
import { defaultHost, openBroker, retainedMessage, whenOver } from "./retained-fixture.ts";

function openStore(host: VirtualHost, limits: Partial<RetainedLimits> = {}): RetainedStore {
  const store = new RetainedStore(host, "amq.topic", { ...defaultMqttLimits, ...limits });
  whenOver(() => store.close());
  return store;
}

function topics(store: RetainedStore, filter = "#"): string[] {
  return [...store.match(filter)].map(({ topic }) => topic).sort();
}

describe("a retained store", () => {
  it("keeps the last message of a topic, whatever happens to the bytes it came in", async () => {
    const store = openStore(defaultHost(await openBroker()));
    for (const body of ["first", "x".repeat(5000), "last"]) {
      const message = retainedMessage("a/b", body, 1, Buffer.of(0x01, 1));
      store.set("a/b", message);
      message.bytes.fill(0);
    }
    const got = store.get("a/b");
    expect(got?.body.toString()).toBe("last");
    expect(got?.native).toEqual(Buffer.of(0x01, 1));
    expect(got?.format.id).toBe("mqtt-1-retain");
    expect(store.count).toBe(1);
  });

  it("keeps large messages as they are", async () => {
    const store = openStore(defaultHost(await openBroker()));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
        const message = retainedMessage("t", "");
        message.bytes = Buffer.from(bytes);
        message.bodyEnd = bytes.length;
        store.set("t", message);
        expect(store.get("t")?.body).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it("forgets a topic with an empty message, and what it took", async () => {
    const store = openStore(defaultHost(await openBroker()));
    store.set("a/b", retainedMessage("a/b", "x"));
    store.set("a/c", retainedMessage("a/c", "y"));
    store.set("a/b", retainedMessage("a/b", ""));
    store.set("none", retainedMessage("none", ""));
    expect(topics(store)).toEqual(["a/c"]);
    store.set("a/c", retainedMessage("a/c", ""));
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });

  it("keeps an exact topic only once", async () => {
    const store = openStore(defaultHost(await openBroker()));
    const exact = Buffer.from("\x7f\0\x05a.b/c\x01\x01", "latin1");
    store.set("a.b/c", retainedMessage("a.b/c", "x", 0, exact));
    expect(store.get("a.b/c")?.native).toEqual(Buffer.of(0x01, 1));
  });

  it("finds no message that has run out, and removes it by a timer too", async () => {
    const clock = new FakeClock();
    const store = openStore(defaultHost(await openBroker({ clock })));
    for (const [topic, expirationMs] of [
      ["soon", 1000],
      ["later", 60_000],
      ["seen", 1000],
      ["never", -1],
    ] as const) {
      const message = retainedMessage(topic, "x");
      message.expirationMs = expirationMs;
      store.set(topic, message);
    }
    expect(store.count).toBe(4);
    clock.advance(1000);
    expect(store.get("seen")).toBeNull();
    expect(store.count).toBe(3);
    expect(topics(store, "+")).toEqual(["later", "never"]);
    clock.advance(58_999);
    expect(topics(store)).toEqual(["later", "never"]);
    const again = retainedMessage("later", "y");
    again.expirationMs = 10_000;
    store.set("later", again);
    clock.advance(9999);
    expect(topics(store)).toEqual(["later", "never"]);
    clock.advance(10_000);
    expect(store.count).toBe(1);
    // No timer stays for what does not run out.
    expect(clock.pendingCount).toBe(0);
  });

  it("refuses what would pass a bound, and takes what replaces or removes", async () => {
    const store = openStore(defaultHost(await openBroker()), { retainedMessagesMax: 2, retainedBytesMax: 2000 });
    store.set("a", retainedMessage("a", "x"));
    store.set("b", retainedMessage("b", "x"));
    expect(store.accepts("c", retainedMessage("c", "x"))).toBe(false);
    store.set("c", retainedMessage("c", "x"));
    expect(topics(store)).toEqual(["a", "b"]);
    expect(store.accepts("a", retainedMessage("a", "xyz"))).toBe(true);
    expect(store.accepts("a", retainedMessage("a", "x".repeat(2000)))).toBe(false);
    expect(store.accepts("c", retainedMessage("c", ""))).toBe(true);
    store.set("a", retainedMessage("a", ""));
    expect(store.accepts("c", retainedMessage("c", "x"))).toBe(true);
    // Levels take memory as well.
    expect(store.accepts("/".repeat(100), retainedMessage("c", "x"))).toBe(false);
  });

  it("leaves out what came after a search began, and what its own session published", async () => {
    const store = openStore(defaultHost(await openBroker()));
    const own = retainedMessage("own", "x");
    own.originId = -3;
    store.set("own", own);
    store.set("other", retainedMessage("other", "x"));
    const sequenceMax = store.sequence;
    store.set("later", retainedMessage("later", "x"));
    const found = (originId: number): (string | undefined)[] =>
      [...store.search({ filter: "#", sequenceMax, originId })].filter((one) => one !== null).map(({ topic }) => topic);
    expect(found(-3)).toEqual(["other"]);
    expect(found(0)).toEqual(["own", "other"]);
  });
});

describe("retained messages in the embedded log", () => {
  it("are there after a restart, with the time that is left to them", async () => {
    const directory = await mkdtemp(join(tmpdir(), "retained-"));
    whenOver(() => rm(directory, { recursive: true }));
    const clock = new FakeClock();
    const first = await openBroker({ clock, storage: openLogStorage({ directory }) });
    const store = openStore(defaultHost(first));
    const brief = retainedMessage("brief", "x", 2);
    brief.expirationMs = 5000;
    const long = retainedMessage("long", "y".repeat(10_000), 1, Buffer.of(0x01, 1));
    long.expirationMs = 60_000;
    store.set("brief", brief);
    store.set("long", long);
    store.set("a.b/ä", retainedMessage("a.b/ä", "z"));
    store.set("gone", retainedMessage("gone", "x"));
    const lsn = store.set("gone", retainedMessage("gone", ""));
    await first.store.whenDurable(lsn);
    store.close();
    await first.close();

    clock.advance(10_000);
    const second = await openBroker({ clock, storage: openLogStorage({ directory }) });
    const restored = openStore(defaultHost(second));
    expect(topics(restored)).toEqual(["a.b/ä", "long"]);
    const got = restored.get("long");
    expect(got?.body.toString()).toBe("y".repeat(10_000));
    expect(got?.native).toEqual(Buffer.of(0x01, 1));
    expect(got?.format.id).toBe("mqtt-1-retain");
    expect((got?.publishedAtMs ?? 0) + (got?.expirationMs ?? 0) - clock.nowMs()).toBe(50_000);
  });
});
