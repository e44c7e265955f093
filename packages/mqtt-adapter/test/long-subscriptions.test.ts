import { FakeClock } from "@jackalope/testkit";
import { expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

const count = 1500;

/** A clock by which a turn's time is over after some 150 units of work: each look at it takes a millisecond. */
class HurriedClock extends FakeClock {
  #looks = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#looks++;
  }
}

it("subscribing to, ending and taking over very many filters goes turn by turn, and each counts once", async () => {
  const fixture = await startAdapter({ clock: new HurriedClock() });
  const { turn } = fixture.broker;
  const host = fixture.broker.virtualHosts.get("/");
  const bindings = (): number | undefined => host?.exchanges.get("amq.topic")?.bindings.size;
  const filters = Array.from({ length: count }, (_, index) => `filter/${index}`);
  let acts = 0;
  let before = 0;
  const watch = setInterval(() => {
    if (turn.longActs > before) acts += turn.longActs - before;
    before = turn.longActs;
  }, 0);
  const kept = { clientId: "many", clean: false, properties: { sessionExpiryInterval: 1000 } };
  const first = await fixture.client(kept);
  expect(await first.subscribe(...filters)).toEqual(filters.map(() => 0));
  expect(bindings()).toBe(count);
  // The session ends, and its client id and filters are there again at once.
  const second = await fixture.socket();
  expect((await second.login({ ...kept, clean: true })).sessionPresent).toBe(false);
  expect(bindings()).toBe(0);
  expect(await second.subscribe(...filters)).toEqual(filters.map(() => 0));
  expect(bindings()).toBe(count);
  const publisher = await fixture.client({ clientId: "publisher" });
  publisher.packet({ cmd: "publish", topic: `filter/${count - 1}`, payload: "x", qos: 0, dup: false, retain: false });
  expect((await second.expect("publish")).topic).toBe(`filter/${count - 1}`);
  second.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: [...filters, "none"] });
  const { granted } = await second.expect("unsuback");
  expect(granted).toEqual([...filters.map(() => 0), 0x11]);
  expect(bindings()).toBe(0);
  clearInterval(watch);
  expect(acts).toBeGreaterThan(0);
});
