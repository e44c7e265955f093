import { silentLogger, SystemClock } from "@jackalope/core";
import type { WebSocketRefuser } from "@jackalope/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStompRefuser } from "../src/index.ts";
import { RawClient } from "./raw-client.ts";

const local = { host: "127.0.0.1", port: 0 };
const refusal = {
  command: "ERROR",
  headers: {
    message: "this broker stands by",
    "content-type": "text/plain",
    version: "1.0,1.1,1.2",
    "content-length": "42",
  },
  body: Buffer.from("CONNECTION_FORCED - this broker stands by\n"),
};

let refuser: WebSocketRefuser;
let clock: SystemClock;

beforeEach(() => {
  clock = new SystemClock();
  const reason = () => "this broker stands by";
  refuser = createStompRefuser({ logger: silentLogger, clock, timeoutMs: 5000, reason });
});

afterEach(async () => {
  await refuser.close();
  clock.close();
});

async function client(): Promise<RawClient> {
  const [address] = await refuser.listen(local);
  return RawClient.connect(address?.port ?? 0);
}

describe("a refused STOMP client", () => {
  it.each([
    ["CONNECT", "CONNECT\naccept-version:1.2\nhost:/\n\n\0"],
    ["a frame before CONNECT", "\n\nSEND\ndestination:/queue/q\n\nx\0"],
    ["what is no frame", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ])("gets an ERROR with the reason for %s, and the end", async (_, text) => {
    const raw = await client();
    for (const byte of Buffer.from(text)) raw.send(Buffer.of(byte));
    expect(await raw.next()).toMatchObject(refusal);
    await raw.end();
  });

  it("gets it once, whatever it sends behind CONNECT", async () => {
    const raw = await client();
    raw.frame("CONNECT", { "accept-version": "1.2" });
    raw.frame("SEND", { destination: "/queue/q" }, "x");
    expect(await raw.next()).toMatchObject(refusal);
    await raw.end();
    await expect(raw.next()).rejects.toThrow("closed");
  });

  it("may be a page: its WebSocket is to be tried again later", async () => {
    const [address] = await refuser.listenWebSocket(local);
    const raw = await RawClient.connectWebSocket(address?.port ?? 0, { path: "/stomp", protocols: ["v12.stomp"] });
    raw.frame("CONNECT", { "accept-version": "1.2" });
    expect(await raw.next()).toMatchObject(refusal);
    await raw.end();
    expect(raw.closeCode).toBe(1013);
    expect(raw.binaryMessages).toEqual([false]);
  });
});
