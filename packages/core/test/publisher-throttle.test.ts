import { beforeEach, expect, test } from "vitest";
import { PublisherThrottle } from "../src/publisher-throttle.ts";
import { stopReasons } from "../src/stop-reasons.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker, until } from "./fixture/test-broker.ts";

let broker: TestBroker;
let events: string[];
let throttle: PublisherThrottle;

beforeEach(async () => {
  const limits = { undurableBytesMax: 10 };
  broker = await TestBroker.open({ storage: new KeepingStorage(new Disk()), limits });
  events = [];
  const names = new Map<number, string>(Object.entries(stopReasons).map(([name, reason]) => [reason, name]));
  const connection = {
    peer: "peer",
    stop: (reason: number) => void events.push(`stop ${names.get(reason)}`),
    proceed: (reason: number) => void events.push(`proceed ${names.get(reason)}`),
  };
  const tell = (blocked: boolean): void => void events.push(`told ${blocked}`);
  throttle = new PublisherThrottle(broker.broker, broker.broker.logger, connection, tell);
});

test("an alarm stops a publisher, who is told first, once, until it is over", () => {
  throttle.look();
  broker.broker.alarms.set("memory", "test", true);
  throttle.look();
  throttle.look();
  broker.broker.alarms.set("memory", "test", false);
  throttle.look();
  expect(events).toEqual(["told true", "stop blocked", "told false", "proceed blocked"]);
  expect(broker.logged).toContain("publishing connection blocked");
});

test("a medium that cannot keep up stops a publisher until it has caught up", async () => {
  await broker.queue("q");
  broker.channel().publish("", "q", "more than ten bytes", { deliveryMode: 2 });
  throttle.look();
  throttle.look();
  expect(events).toEqual(["stop held"]);
  broker.endTurn();
  await until(() => events.length === 2);
  expect(events[1]).toBe("proceed held");
});

test("a session that is over hears nothing more", async () => {
  await broker.queue("q");
  broker.channel().publish("", "q", "more than ten bytes", { deliveryMode: 2 });
  throttle.look();
  throttle.release();
  broker.endTurn();
  await until(() => !broker.broker.publishersHeld);
  expect(events).toEqual(["stop held"]);
});
