import { afterEach, expect, test } from "vitest";
import { sizeMessageSlabs } from "../src/message.ts";
import { Route } from "../src/route.ts";
import { newMessage } from "./fixture/neutral-format.ts";

afterEach(() => sizeMessageSlabs(false));

/** How many messages of a kilobyte share a slab, the first one's slab and the last one's aside. */
function messagesOfSlab(): number {
  const body = "x".repeat(1000);
  const counts = new Map<Buffer, number>();
  for (let index = 0; index < 300; index++) {
    const message = newMessage(new Route("", "q"), body);
    message.own();
    counts.set(message.bytes, (counts.get(message.bytes) ?? 0) + 1);
  }
  return [...counts.values()][1] ?? 0;
}

test("a message that stays pins few others, and more of them only in a large backlog, whose memory can be given back", () => {
  expect(messagesOfSlab()).toBe(16);
  sizeMessageSlabs(true);
  // glibc maps by itself what has 64 KiB and more where `npm start` says so: whole pages, 16 bytes of it its own.
  expect(messagesOfSlab()).toBe(69);
  sizeMessageSlabs(false);
  expect(messagesOfSlab()).toBe(16);
});
