import { certificate, FakeClock, httpAnswer, privateKey, until, upgradeHeaders } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";
import { frame, RawClient } from "./raw-client.ts";
import { connect as connectTls } from "node:tls";

const login = frame("CONNECT", { "accept-version": "1.2", login: "guest", passcode: "guest" });

describe("a WebSocket", () => {
  it.each([
    ["/ws", [], "none"],
    ["/stomp", [], "none"],
    ["/ws?token=1", ["v12.stomp"], "v12.stomp"],
    ["/ws", ["v10.stomp", "v11.stomp", "v12.stomp"], "v12.stomp"],
    ["/ws", ["v11.stomp", "v10.stomp"], "v11.stomp"],
    ["/ws", ["mqtt", "v10.stomp"], "v10.stomp"],
  ])("on %s with subprotocols %s is accepted with %s", async (path, protocols, chosen) => {
    const fixture = await startAdapter();
    const offered = protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(", ") };
    const answer = await httpAnswer(fixture.webSocketPort, path, {
      ...upgradeHeaders,
      ...offered,
      "sec-websocket-extensions": "permessage-deflate",
    });
    expect(answer).toEqual({ status: 101, protocol: chosen === "none" ? undefined : chosen, extensions: undefined });
    const page = await fixture.webSocket({ path, protocols });
    await page.login();
    await page.request("BEGIN", { transaction: "t" });
  });

  it("is not to be had elsewhere, nor by pages that are not listed", async () => {
    const fixture = await startAdapter({ origins: ["https://good.example"] });
    expect((await httpAnswer(fixture.webSocketPort, "/else", upgradeHeaders)).status).toBe(404);
    expect(
      (await httpAnswer(fixture.webSocketPort, "/ws", { ...upgradeHeaders, origin: "https://evil.example" })).status,
    ).toBe(403);
    expect(
      (await httpAnswer(fixture.webSocketPort, "/ws", { ...upgradeHeaders, origin: "https://good.example" })).status,
    ).toBe(101);
  });

  it("takes several frames in one message and one over several, as text and as binary", async () => {
    const fixture = await startAdapter();
    for (const binary of [false, true]) {
      const page = await fixture.webSocket({ binary });
      const subscribe = frame("SUBSCRIBE", { id: 0, destination: "/topic/a" });
      const send = frame("SEND", { destination: "/topic/a" }, "grüße");
      const all = Buffer.concat([login, subscribe, send]);
      page.send(all.subarray(0, 10));
      page.send(all.subarray(10, 40));
      page.send(all.subarray(40));
      await page.expect("CONNECTED");
      expect((await page.expect("MESSAGE")).body.toString()).toBe("grüße");
      page.send(Buffer.concat([send, send, send]));
      for (let count = 0; count < 3; count++) await page.expect("MESSAGE");
      // One frame a message, in the kind that the client began with.
      expect(page.binaryMessages).toEqual(new Array(5).fill(binary));
      page.destroy();
    }
  });

  it("gets what is no text as binary", async () => {
    const fixture = await startAdapter();
    const page = await fixture.webSocket();
    await page.login();
    await page.request("SUBSCRIBE", { id: 0, destination: "/topic/a" });
    const sender = await fixture.client();
    sender.frame("SEND", { destination: "/topic/a", "content-length": 3 }, Buffer.of(0xff, 0, 0xfe));
    expect((await page.expect("MESSAGE")).body).toEqual(Buffer.of(0xff, 0, 0xfe));
    expect(page.binaryMessages).toEqual([false, false, true]);
  });

  it("is closed with a code that fits", async () => {
    const fixture = await startAdapter({ limits: { bodyBytesMax: 100_000, headBytesMax: 1000 } });
    const polite = await fixture.webSocket();
    await polite.login();
    polite.frame("DISCONNECT", { receipt: "bye" });
    await polite.expect("RECEIPT");
    await polite.end();
    expect(polite.closeCode).toBe(1000);
    const wrong = await fixture.webSocket();
    await wrong.login();
    wrong.send("NONSENSE\n\n\0");
    await wrong.expect("ERROR");
    await wrong.end();
    expect(wrong.closeCode).toBe(1008);
    const last = await fixture.webSocket();
    await last.login();
    const closing = fixture.adapter.close();
    await last.expect("ERROR");
    await last.end();
    expect(last.closeCode).toBe(1001);
    await closing;
  });

  it.each([
    ["in one message, with its length", { "content-length": 100_001 }, 200_000],
    ["in one message, without its length", {}, 200_000],
    ["in many messages", {}, 1000],
  ])("that brings too large a frame %s gets its ERROR", async (_how, length, messageBytes) => {
    const fixture = await startAdapter({ limits: { bodyBytesMax: 100_000 } });
    const large = await fixture.webSocket();
    await large.login();
    const bytes = frame("SEND", { destination: "/topic/a", ...length }, "x".repeat(100_001));
    for (let at = 0; at < bytes.length; at += messageBytes) large.send(bytes.subarray(at, at + messageBytes));
    expect((await large.expect("ERROR")).headers.message).toBe("Frame too large");
    await large.end();
    expect(large.closeCode).toBe(1008);
  });
});

describe("a client that does not read", () => {
  const body = "x".repeat(100_000);

  it.each(["TCP", "WebSocket"])("gets no more than fits the bound, and everything once it reads (%s)", async (kind) => {
    const fixture = await startAdapter({ brokerLimits: { outboxBytesMax: 200_000 } });
    const lazy = kind === "TCP" ? await fixture.client() : await fixture.webSocket();
    if (kind !== "TCP") await lazy.login();
    await lazy.request("SUBSCRIBE", { id: 0, destination: "/queue/q" });
    lazy.pause();
    const sender = await fixture.client();
    const count = 300;
    for (let sent = 0; sent < count; sent++) sender.frame("SEND", { destination: "/queue/q" }, body);
    await until(() => fixture.broker.totals.published === count);
    const queue = fixture.broker.virtualHosts.get("/")?.queues.get("q");
    expect(queue?.readyCount).toBeGreaterThan(count / 4);
    lazy.resume();
    for (let got = 0; got < count; got++) expect((await lazy.expect("MESSAGE")).body.length).toBe(body.length);
    expect(queue?.readyCount).toBe(0);
  });

  it.each([
    ["stalledTimeoutMs", { stalledTimeoutMs: 5000 }],
    ["stalledQueueBytesMax", { stalledQueueBytesMax: 1_000_000 }],
  ])("is cut off by a named limit: %s", async (name, limits) => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock, limits, brokerLimits: { outboxBytesMax: 200_000 } });
    const lazy = await fixture.webSocket();
    await lazy.login();
    await lazy.request("SUBSCRIBE", { id: 0, destination: "/topic/a" });
    lazy.pause();
    const sender = await fixture.client();
    const count = 300;
    for (let sent = 0; sent < count; sent++) sender.frame("SEND", { destination: "/topic/a" }, body);
    await until(() => fixture.broker.totals.published === count);
    for (let second = 0; second < 6; second++) clock.advance(1000);
    await until(() => fixture.adapter.connectionCount === 1);
    expect(fixture.log.join()).toContain(name);
    expect(fixture.broker.virtualHosts.get("/")?.queues.size).toBe(0);
  });
});

describe("TLS", () => {
  it("carries STOMP", async () => {
    const fixture = await startAdapter();
    const [address] = await fixture.adapter.listen({
      host: "127.0.0.1",
      port: 0,
      tls: { key: privateKey, cert: certificate },
    });
    const socket = connectTls({
      port: address?.port ?? 0,
      host: "127.0.0.1",
      ca: certificate,
      servername: "localhost",
    });
    socket.write(login);
    const text = await new Promise<string>((resolve) =>
      socket.once("data", (bytes: Buffer) => resolve(bytes.toString())),
    );
    expect(text).toMatch(/^CONNECTED\n/);
    socket.destroy();
  });
});

describe("a resource alarm", () => {
  it("stops reading from clients that publish", async () => {
    const fixture = await startAdapter();
    const publisher = await fixture.client();
    const reader = await fixture.client();
    await publisher.request("SEND", { destination: "/queue/q" }, "before");
    fixture.broker.alarms.set("memory", "test", true);
    publisher.frame("SEND", { destination: "/queue/q" }, "during");
    await reader.request("BEGIN", { transaction: "t" });
    expect(fixture.broker.totals.published).toBe(1);
    fixture.broker.alarms.set("memory", "test", false);
    await until(() => fixture.broker.totals.published === 2);
  });

  it("connecting is possible meanwhile", async () => {
    const fixture = await startAdapter();
    fixture.broker.alarms.set("disk", "test", true);
    const client = await RawClient.connect(fixture.port);
    await client.login();
    client.destroy();
  });
});
