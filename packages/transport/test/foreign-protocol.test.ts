import { expect, it } from "vitest";
import { foreignProtocol } from "../src/foreign-protocol.ts";

it.each([
  ["\x16\x03\x01\x02\0", "a TLS handshake on a port that speaks plain X"],
  ["\x16", "a TLS handshake on a port that speaks plain X"],
  ["\x16\x04", null],
  ["GET / HTTP/1.1\r\n", "an HTTP request on a port that speaks X"],
  ["POST /ws HTTP/1.1\r\n", "an HTTP request on a port that speaks X"],
  ["GETS", null],
  ["G", null],
  ["CONNECT\n", null],
  ["AMQP\0\0\x09\x01", null],
])("the first bytes %j are %s", (text, named) => {
  const bytes = Buffer.from(text, "latin1");
  expect(foreignProtocol(bytes, "X")).toBe(named);
  expect(foreignProtocol(Buffer.concat([Buffer.from("before"), bytes]), "X", 6)).toBe(named);
});
