import { expect, test } from "vitest";
import { parseRedisAddress } from "../src/index.ts";

test.each([
  ["redis://host", { kind: "single", tls: false, hosts: [{ host: "host", port: 6379 }], database: 0, password: "" }],
  ["rediss://host:1/", { kind: "single", tls: true, hosts: [{ host: "host", port: 1 }], database: 0 }],
  ["valkey://host/2", { kind: "single", tls: false, database: 2 }],
  ["valkeys://[::1]:7/2", { kind: "single", tls: true, hosts: [{ host: "::1", port: 7 }], database: 2 }],
  ["redis://:p%40ss@host", { userName: "", password: "p@ss" }],
  ["redis://user:a:b@host", { userName: "user", password: "a:b" }],
  [
    "redis+sentinel://u:p@a,b:1/main/3",
    {
      kind: "sentinel",
      hosts: [
        { host: "a", port: 26_379 },
        { host: "b", port: 1 },
      ],
      master: "main",
      database: 3,
      password: "p",
    },
  ],
  [
    "rediss+cluster://a:1,b",
    {
      kind: "cluster",
      tls: true,
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 6379 },
      ],
    },
  ],
])("%s", (text, expected) => {
  expect(parseRedisAddress(text)).toMatchObject(expected);
});

test.each([
  "host:6379",
  "http://host",
  "redis://",
  "redis://host:0",
  "redis://host:65536",
  "redis://host:x",
  "redis://a,b",
  "redis://host/x",
  "redis://host/1/2",
  "redis://host/-1",
  "redis+sentinel://host",
  "redis+cluster://host/1",
  "redis://:%zz@host",
])("%s is refused", (text) => {
  expect(() => parseRedisAddress(text)).toThrow(RangeError);
});
