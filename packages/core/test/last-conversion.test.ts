import { expect, test } from "vitest";
import { LastConversion } from "../src/last-conversion.ts";
import { Route } from "../src/route.ts";
import { newMessage } from "./fixture/neutral-format.ts";

const route = new Route("", "q");

test("the same properties are converted once, others anew", () => {
  let count = 0;
  const conversion = new LastConversion(({ type }) => {
    count++;
    return Buffer.from(`type ${type}`);
  });
  const convert = (type: string): string => conversion.of(newMessage(route, "body", { type })).toString();
  expect([convert("a"), convert("a"), convert("b"), convert("a")]).toEqual(["type a", "type a", "type b", "type a"]);
  expect(count).toBe(3);
});

test("long properties are not kept", () => {
  let count = 0;
  const conversion = new LastConversion(() => Buffer.from(String(++count)));
  const message = newMessage(route, "body", { type: "x".repeat(600) });
  expect([conversion.of(message), conversion.of(message)].map(String)).toEqual(["1", "2"]);
});
