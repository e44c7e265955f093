import { type LogFields, silentLogger } from "@jackalope/core/adapter";
import { FakeClock } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { defaultDoorLimits, Door, type DoorOptions } from "../src/index.ts";

function openDoor(bounds: Partial<DoorOptions> = {}) {
  const clock = new FakeClock();
  const log: LogFields[] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields) => log.push(fields) };
  const unbounded = { connectionsMax: 1_000_000, descriptorsMax: null, unauthenticatedPerAddressMax: 1_000_000 };
  return { clock, log, door: new Door({ clock, logger, ...unbounded, ...bounds }) };
}

describe("the door", () => {
  it.each([
    ["connections", { connectionsMax: 2 }],
    ["descriptors", { descriptorsMax: 2 }],
    ["address", { unauthenticatedPerAddressMax: 2 }],
  ] as const)("refuses the newest beyond its bound of %s, and takes the next when one has gone", (reason, bounds) => {
    const { door } = openDoor(bounds);
    expect([1, 2, 3].map(() => door.enter("client", "10.0.0.1"))).toEqual([true, true, false]);
    expect(door.socketCount).toBe(2);
    expect(door.refused).toEqual({ connections: 0, descriptors: 0, address: 0, system: 0, [reason]: 1 });
    door.forgetUnauthenticated("10.0.0.1");
    door.leave();
    expect(door.enter("client", "10.0.0.1")).toBe(true);
  });

  it("counts strangers by address, and those who log in no more", () => {
    const { door } = openDoor({ unauthenticatedPerAddressMax: 1 });
    expect(door.enter("client", "10.0.0.1")).toBe(true);
    expect(door.enter("client", "10.0.0.2")).toBe(true);
    expect(door.enter("client", "10.0.0.1")).toBe(false);
    door.forgetUnauthenticated("10.0.0.1");
    expect(door.enter("client", "10.0.0.1")).toBe(true);
    expect(door.socketCount).toBe(3);
  });

  it("lets health checks in when clients are refused, up to a bound of their own", () => {
    const { door } = openDoor({ connectionsMax: 1 });
    expect(door.enter("client", "10.0.0.1")).toBe(true);
    expect(door.enter("client", "10.0.0.1")).toBe(false);
    let count = 0;
    while (door.enter("management", "10.0.0.1")) count++;
    expect(count).toBe(defaultDoorLimits.managementReserve);
  });

  it("tells how many were there when it refused, and not when it says so", () => {
    const { door, clock, log } = openDoor({ connectionsMax: 1 });
    door.enter("client", "10.0.0.1");
    for (const last of [2, 3]) door.enter("client", `10.0.0.${last}`);
    door.leave();
    clock.advance(1000);
    expect(log).toMatchObject([
      { peer: "10.0.0.2", open: 1 },
      { peer: "10.0.0.3", open: 1 },
    ]);
  });

  it("logs once a second however many it refuses, and tells how many", () => {
    const { door, clock, log } = openDoor({ connectionsMax: 0 });
    for (let count = 0; count < 1000; count++) door.enter("client", "10.0.0.1");
    expect(log).toMatchObject([{ reason: "connections", refused: 1, open: 0 }]);
    clock.advance(1000);
    expect(log.slice(1)).toMatchObject([{ reason: "connections", refused: 999, total: 1000 }]);
    clock.advance(5000);
    expect(log).toHaveLength(2);
    door.acceptFailed(new Error("accept EMFILE"));
    expect(log.slice(2)).toMatchObject([{ reason: "system", peer: "accept EMFILE", refused: 1, total: 1001 }]);
  });
});
