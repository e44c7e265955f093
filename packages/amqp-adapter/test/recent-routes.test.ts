import { Route } from "@jackalope/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeAddress } from "../src/mapping.ts";
import { RecentRoutes } from "../src/recent-routes.ts";

function routeOf(exchange: string, routingKey: string): Route {
  const route = new Route(exchange, routingKey);
  route.wire = encodeAddress(exchange, routingKey);
  return route;
}

describe("recent routes", () => {
  it("are found by their own bytes alone, anywhere in a buffer", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 })), {
          selector: String,
          maxLength: 300,
        }),
        (pairs) => {
          const routes = new RecentRoutes();
          for (const [exchange, key] of pairs) {
            const route = routeOf(exchange, key);
            const wire = route.wire as Uint8Array;
            const bytes = Buffer.concat([Buffer.alloc(3, 1), wire, Buffer.alloc(2, 2)]);
            expect(routes.find(bytes, 3, 3 + wire.length)).toBeNull();
            routes.remember(route);
            expect(routes.find(bytes, 3, 3 + wire.length)).toBe(route);
          }
        },
      ),
    );
  });

  it("of a publisher that rotates over a thousand keys are mostly there", () => {
    const routes = new RecentRoutes();
    const all = Array.from({ length: 1000 }, (_, index) => routeOf("amq.topic", `sensor.${index}.temperature`));
    const find = (route: Route) => routes.find(route.wire as Uint8Array, 0, route.wire?.length ?? 0);
    for (let round = 0; round < 3; round++) for (const route of all) if (find(route) === null) routes.remember(route);
    expect(all.filter((route) => find(route) === route).length).toBeGreaterThan(900);
  });

  it("with long addresses are not kept", () => {
    const routes = new RecentRoutes();
    const route = routeOf("e", "k".repeat(200));
    routes.remember(route);
    expect(routes.find(route.wire as Uint8Array, 0, route.wire?.length ?? 0)).toBeNull();
  });
});
