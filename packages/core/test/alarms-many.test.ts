import { expect, test } from "vitest";
import { Alarms } from "../src/alarms.ts";
import { Turn } from "../src/turn.ts";
import { HurriedClock } from "./fixture/hurried-clock.ts";

test("very many connections look at the alarms turn by turn, and see what is true by then", async () => {
  const turn = new Turn(new HurriedClock(), 2);
  const alarms = new Alarms();
  const connections = Array.from({ length: 2000 }, (_, index) => ({ index, blocked: false }));
  alarms.subscribe(() => {
    alarms.lookForEach(turn, connections, (connection) => {
      connection.blocked = alarms.blocked;
    });
  });
  alarms.set("memory", "test", true);
  expect(turn.longActs).toBe(1);
  // The alarm ends while the last of them have not looked yet.
  alarms.set("memory", "test", false);
  await turn.finishActs();
  expect(connections.filter(({ blocked }) => blocked)).toEqual([]);
  alarms.set("memory", "test", true);
  await turn.finishActs();
  expect(connections.every(({ blocked }) => blocked)).toBe(true);
});
