import { beforeEach, describe, expect, test } from "vitest";
import type { FrameKind } from "../src/held-frames.ts";
import { PublisherThrottle, type ThrottledConnection } from "../src/publisher-throttle.ts";
import { stopReasons } from "../src/stop-reasons.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker, until } from "./fixture/test-broker.ts";

let broker: TestBroker;
let events: string[];
let puttingBack: boolean;
let shown: PublisherThrottle | null;
let throttle: PublisherThrottle;
let connection: ThrottledConnection;

beforeEach(async () => {
  const limits = { undurableBytesMax: 10, heldBytesMax: 100, heldTotalBytesMax: 1000, heldBytesMin: 20 };
  broker = await TestBroker.open({ storage: new KeepingStorage(new Disk()), limits });
  events = [];
  puttingBack = true;
  shown = null;
  const names = new Map<number, string>(Object.entries(stopReasons).map(([name, reason]) => [reason, name]));
  connection = {
    peer: "peer",
    stop: (reason: number) => void events.push(`stop ${names.get(reason)}`),
    proceed: (reason: number) => void events.push(`proceed ${names.get(reason)}`),
    putBack: (bytes: Buffer) => {
      events.push(`back ${bytes.toString()}`);
      return puttingBack;
    },
    unread: (bytes: Buffer) => void events.push(`unread ${bytes.toString()}`),
  };
  const tell = (blocked: boolean): void => void events.push(`told ${blocked}`);
  const showFrames = (to: PublisherThrottle | null): void => void (shown = to);
  throttle = new PublisherThrottle({
    broker: broker.broker,
    logger: broker.broker.logger,
    connection,
    showFrames,
    tell,
  });
});

function setAlarm(on: boolean): void {
  broker.broker.alarms.set("memory", "test", on);
  throttle.look();
}

/** Shows a frame whose bytes are `text`; true where it is held. */
function shows(kind: FrameKind, text: string, lane = 0): boolean {
  const bytes = Buffer.from(`<${text}>`);
  return throttle.holds(kind, lane, bytes, 1, bytes.length - 1);
}

describe("an alarm", () => {
  test("tells who has published at once, and reads on", () => {
    throttle.published();
    setAlarm(true);
    throttle.look();
    expect(events).toEqual(["told true"]);
    expect(broker.logged).toContain("publishing connection blocked");
    setAlarm(false);
    broker.endTurn();
    expect(events).toEqual(["told true", "told false", "stop blocked", "proceed blocked"]);
    expect(shown).toBeNull();
  });

  test("holds the first publish of a client that had published nothing, and tells it then", () => {
    setAlarm(true);
    expect(shown).toBe(throttle);
    expect([shows("waits", "declare"), shows("passes", "ack")]).toEqual([false, false]);
    expect(events).toEqual([]);
    expect(shows("publish", "publish")).toBe(true);
    expect(events).toEqual(["told true"]);
  });

  test("lets acknowledgements pass what is held, and has everything else of the lane wait behind it", () => {
    setAlarm(true);
    const held = [
      shows("publish", "p1 ", 1),
      shows("passes", "ack1 ", 1),
      shows("waits", "declare2 ", 2),
      shows("publish", "p2 ", 2),
      shows("waits", "declare1 ", 1),
      shows("waits", "close "),
    ];
    expect(held).toEqual([true, false, false, true, true, true]);
    setAlarm(false);
    broker.endTurn();
    expect(events).toEqual([
      "told true",
      "told false",
      "stop blocked",
      "unread p1 p2 declare1 close ",
      "proceed blocked",
    ]);
    expect(broker.broker.heldTotal.bytes).toBe(0);
  });

  test("stops the connection where the bound of what is held is reached, once, and frees it", () => {
    setAlarm(true);
    shows("publish", "x".repeat(99));
    expect(events).toEqual(["told true"]);
    shows("publish", "x");
    shows("publish", "x");
    expect(events).toEqual(["told true", "stop blocked"]);
    setAlarm(false);
    broker.endTurn();
    expect(events.at(-1)).toBe("proceed blocked");
  });

  test("stops at less where all connections together hold too much, and never at nothing", () => {
    broker.broker.heldTotal.bytes = 1000;
    setAlarm(true);
    shows("publish", "x".repeat(19));
    expect(events).toEqual(["told true"]);
    shows("publish", "x");
    expect(events).toEqual(["told true", "stop blocked"]);
  });

  test("stops behind a goodbye that has to wait, so that the end of the stream is not seen before it", () => {
    setAlarm(true);
    expect(shows("last", "goodbye")).toBe(false);
    shows("publish", "p");
    expect(shows("last", "goodbye")).toBe(true);
    expect(events).toEqual(["told true", "stop blocked", "back goodbye"]);
    setAlarm(false);
    broker.endTurn();
    expect(events).toContain("unread p");
  });

  test("holds a goodbye that cannot be put back like anything else", () => {
    puttingBack = false;
    setAlarm(true);
    shows("publish", "p ");
    expect(shows("last", "goodbye")).toBe(true);
    setAlarm(false);
    broker.endTurn();
    expect(events).toContain("unread p goodbye");
  });

  test("that is on again before the turn in which clients are freed frees nobody", () => {
    setAlarm(true);
    shows("publish", "p");
    setAlarm(false);
    setAlarm(true);
    broker.endTurn();
    expect(events).toEqual(["told true"]);
    setAlarm(false);
    broker.endTurn();
    expect(events).toContain("unread p");
  });

  test("of a session that ends drops what was held", () => {
    setAlarm(true);
    shows("publish", "p");
    throttle.release();
    expect([shown, broker.broker.heldTotal.bytes]).toEqual([null, 0]);
    setAlarm(false);
    broker.endTurn();
    expect(events).toEqual(["told true"]);
  });
});

describe("a medium that cannot keep up", () => {
  test("stops a publisher until it has caught up", async () => {
    await broker.queue("q");
    broker.channel().publish("", "q", "more than ten bytes", { deliveryMode: 2 });
    throttle.published();
    throttle.published();
    expect(events).toEqual(["stop held"]);
    broker.endTurn();
    await until(() => events.length === 2);
    expect(events[1]).toBe("proceed held");
  });

  test("is nothing to a publisher of which it stores nothing", async () => {
    await broker.queue("q");
    broker.channel().publish("", "q", "more than ten bytes", { deliveryMode: 2 });
    throttle.published();
    expect(events).toEqual(["stop held"]);
    const { logger } = broker.broker;
    const other = new PublisherThrottle({ broker: broker.broker, logger, connection, showFrames: () => undefined });
    broker.channel().publish("", "q", "transient, and more than ten bytes");
    other.published();
    expect(broker.broker.publishersHeld).toBe(true);
    expect(events).toEqual(["stop held"]);
  });

  test("is nothing to a session that is over", async () => {
    await broker.queue("q");
    broker.channel().publish("", "q", "more than ten bytes", { deliveryMode: 2 });
    throttle.published();
    throttle.release();
    broker.endTurn();
    await until(() => !broker.broker.publishersHeld);
    expect(events).toEqual(["stop held"]);
  });
});
