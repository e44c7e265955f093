import { Message, Route } from "@jackalope/core/adapter";
import { describe, expect, it } from "vitest";
import { type Flight, InFlight } from "../src/in-flight.ts";
import { mqttFormat } from "../src/mapping.ts";

function message(lsn = 0): Message {
  const made = new Message(new Route("amq.topic", "a"), mqttFormat(1, "none"), Buffer.alloc(0), 0, 0, 0, 0);
  made.lsn = lsn;
  return made;
}

/** A delivery as the sender of PUBLISH enters it. */
function send(inFlight: InFlight, qos: 1 | 2, tag: number, lsn = 0): Flight {
  const flight = inFlight.take(qos) as Flight;
  flight.tag = tag;
  flight.message = message(lsn);
  flight.sent = flight.sentHere = true;
  return flight;
}

describe("packet identifiers", () => {
  it("go round in a short ring and pass over those in use", () => {
    const inFlight = new InFlight();
    const kept = inFlight.take(1) as Flight;
    const seen = new Set<number>();
    for (let count = 0; count < 200; count++) {
      const flight = inFlight.take(1) as Flight;
      expect(flight.packetId).not.toBe(kept.packetId);
      seen.add(flight.packetId);
      inFlight.free(flight);
    }
    expect(Math.max(...seen)).toBeLessThan(64);
    expect(seen.size).toBeGreaterThan(20);
  });

  it("are 1 to 65,535, each once, and come free again", () => {
    const inFlight = new InFlight();
    const flights: Flight[] = [];
    for (let flight = inFlight.take(1); flight !== null; flight = inFlight.take(1)) flights.push(flight);
    const ids = new Set(flights.map(({ packetId }) => packetId));
    expect([ids.size, Math.min(...ids), Math.max(...ids)]).toEqual([65_535, 1, 65_535]);
    inFlight.free(flights[40_000] as Flight);
    expect(inFlight.take(2)?.packetId).toBe(flights[40_000]?.packetId);
    expect(inFlight.take(2)).toBeNull();
    for (const flight of flights) inFlight.free(flight);
    expect(inFlight.count).toBe(0);
  });

  it("are not found once they are free", () => {
    const inFlight = new InFlight();
    const { packetId } = inFlight.take(1) as Flight;
    expect(inFlight.find(packetId)?.packetId).toBe(packetId);
    inFlight.free(inFlight.find(packetId) as Flight);
    expect([inFlight.find(packetId), inFlight.find(0), inFlight.find(65_535)]).toEqual([null, null, null]);
  });
});

describe("after a connection", () => {
  it("a message keeps its identifier, by Lsn where it is stored and by itself where it is not", () => {
    const inFlight = new InFlight();
    const stored = send(inFlight, 1, 7, 99);
    const transient = send(inFlight, 2, 8);
    const object = transient.message as Message;
    inFlight.disconnected();
    expect(inFlight.returnedCount).toBe(2);
    expect(inFlight.takeReturned(message(98))).toBeNull();
    expect(inFlight.takeReturned(message(0))).toBeNull();
    expect(inFlight.takeReturned(message(99))).toBe(stored);
    expect(inFlight.takeReturned(object)).toBe(transient);
    expect(inFlight.returnedCount).toBe(0);
    expect([stored.sent, stored.sentHere, stored.tag]).toEqual([true, false, 0]);
  });

  it("releases are told in the order of their PUBRECs, which need not be that of the identifiers", () => {
    const inFlight = new InFlight();
    const flights = [1, 2, 3].map((tag) => send(inFlight, 2, tag));
    for (const index of [2, 0, 1]) inFlight.release(flights[index] as Flight);
    inFlight.disconnected();
    expect(inFlight.inOrder("releasing")).toEqual([flights[2], flights[0], flights[1]]);
    expect(inFlight.returnedCount).toBe(0);
  });

  it("what does not come again is told once", () => {
    const inFlight = new InFlight();
    const flight = send(inFlight, 2, 1, 5);
    inFlight.disconnected();
    expect(inFlight.takeLost()).toEqual([flight]);
    expect(inFlight.takeLost()).toEqual([]);
  });
});

describe("after a restart", () => {
  it("recorded identifiers are in use", () => {
    const inFlight = new InFlight();
    inFlight.restore(3, { lsn: 17 });
    inFlight.restore(500, { released: 7 });
    expect(inFlight.recordedIds()).toEqual([3, 500]);
    expect(inFlight.takeReturned(message(17))?.packetId).toBe(3);
    expect(inFlight.inOrder("releasing").map(({ packetId }) => packetId)).toEqual([500]);
    const ids = Array.from({ length: 600 }, () => inFlight.take(1)?.packetId);
    expect(new Set(ids).size).toBe(600);
    expect(ids).not.toContain(3);
    expect(ids).not.toContain(500);
  });
});

describe("restored releases", () => {
  it("keep their order in whatever order records come, and new ones follow them", () => {
    const inFlight = new InFlight();
    for (const [packetId, released] of [
      [3, 12],
      [9, 10],
      [1, 11],
    ] as const)
      inFlight.restore(packetId, { released });
    const next = send(inFlight, 2, 1);
    inFlight.release(next);
    expect(inFlight.inOrder("releasing").map(({ packetId }) => packetId)).toEqual([9, 1, 3, next.packetId]);
    expect(next.order).toBeGreaterThan(12);
  });
});
