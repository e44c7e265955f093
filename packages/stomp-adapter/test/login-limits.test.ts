import { expect, test } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";

const login = { "accept-version": "1.2", host: "/", login: "guest", passcode: "guest" };
const padding = (bytes: number) =>
  Object.fromEntries(Array.from({ length: Math.ceil(bytes / 4000) }, (_, index) => [`h${index}`, "x".repeat(4000)]));

test("a stranger's head is smaller than one of a client that has logged in", async () => {
  const fixture = await startAdapter();
  const client = await fixture.client();
  client.frame("SUBSCRIBE", { id: 0, destination: "/queue/q", receipt: "r", ...padding(60_000) });
  await client.expect("RECEIPT");
  const stranger = await fixture.socket();
  stranger.frame("CONNECT", { ...login, ...padding(24_000) });
  expect((await stranger.expect("ERROR")).body.toString()).toContain("the headers are too large");
  await stranger.end();
  const fitting = await fixture.socket();
  fitting.frame("CONNECT", { ...login, ...padding(16_000) });
  await fitting.expect("CONNECTED");
});

test("a stranger's body is, too", async () => {
  const fixture = await startAdapter();
  const stranger = await fixture.socket();
  stranger.frame("CONNECT", { ...login, "content-length": 12 * 1024 + 1 });
  expect((await stranger.expect("ERROR")).headers["message"]).toBe("Frame too large");
});
