import { once } from "node:events";
import { connect } from "node:net";
import { httpAnswer, until, upgradeHeaders } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import type { EndReason, WebSocketListenOptions } from "../src/index.ts";
import {
  type Accepted,
  cleanUp,
  closeCodes,
  type ListenersFixture,
  openListeners,
  webSocketOptions,
} from "./listeners-fixture.ts";

interface WebSocketFixture extends ListenersFixture {
  readonly port: number;
  /** A page that is connected, with both ends. */
  connect(options?: ClientOptions): Promise<{ page: Page; server: Accepted }>;
}

/** The client's end, with what came. */
interface Page {
  readonly webSocket: WebSocket;
  readonly messages: { readonly text: string; readonly binary: boolean }[];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
}

async function open(options: Partial<WebSocketListenOptions> = {}): Promise<WebSocketFixture> {
  const fixture = openListeners();
  const [address] = await fixture.listeners.listenWebSocket({ ...webSocketOptions, ...options });
  const port = address?.port ?? 0;
  const connect: WebSocketFixture["connect"] = async (clientOptions) => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/ws`, clientOptions);
    cleanUp(() => webSocket.terminate());
    const messages: Page["messages"] = [];
    webSocket.on("message", (data: Buffer, binary) => messages.push({ text: data.toString("latin1"), binary }));
    const closed = new Promise<number>((resolve) => webSocket.on("close", resolve));
    const before = fixture.accepted.length;
    await once(webSocket, "open");
    await until(() => fixture.accepted.length > before);
    return { page: { webSocket, messages, closed }, server: fixture.accepted.at(-1) as Accepted };
  };
  return { ...fixture, port, connect };
}

const nothing = (): void => undefined;

describe("a WebSocket", () => {
  it.each([
    ["/ws", [], "none"],
    ["/other", [], "none"],
    ["/ws?token=1", ["v2.test"], "v2.test"],
    ["/ws", ["v1.test", "v2.test"], "v2.test"],
    ["/ws", ["else", "v1.test"], "v1.test"],
    ["/ws", ["else"], "none"],
  ])("on %s with subprotocols %s is accepted with %s", async (path, protocols, chosen) => {
    const { port, first } = await open();
    const offered = protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(", ") };
    const extensions = { "sec-websocket-extensions": "permessage-deflate" };
    const answer = await httpAnswer(port, path, { ...upgradeHeaders, ...offered, ...extensions });
    expect(answer).toEqual({ status: 101, protocol: chosen === "none" ? undefined : chosen, extensions: undefined });
    const { transport } = await first();
    expect(transport).toMatchObject({ kind: "WebSocket", remoteAddress: "127.0.0.1", localPort: port, peerName: null });
  });

  it("is not to be had elsewhere, or by plain HTTP", async () => {
    const { port, accepted, log } = await open();
    expect((await httpAnswer(port, "/else", upgradeHeaders)).status).toBe(404);
    expect(log.join()).toContain("WebSocket refused: there is none on this path");
    expect((await httpAnswer(port, "/else")).status).toBe(404);
    expect((await httpAnswer(port, "/ws")).status).toBe(426);
    expect(accepted).toEqual([]);
  });

  it("of a page from elsewhere is refused where origins are listed", async () => {
    const { port, log } = await open({ origins: ["https://good.example"] });
    expect((await httpAnswer(port, "/ws", { ...upgradeHeaders, origin: "https://evil.example" })).status).toBe(403);
    expect((await httpAnswer(port, "/ws", { ...upgradeHeaders, origin: "https://good.example" })).status).toBe(101);
    expect((await httpAnswer(port, "/ws", upgradeHeaders)).status).toBe(101);
    expect(log.join()).toContain("origin is not allowed");
    const all = await open();
    expect((await httpAnswer(all.port, "/ws", { ...upgradeHeaders, origin: "https://any.example" })).status).toBe(101);
  });

  it.each(Object.entries(closeCodes) as [EndReason, number][])(
    "that ends as %s is closed with %i",
    async (reason, code) => {
      const { connect } = await open();
      const { page, server } = await connect();
      server.transport.write(Buffer.from("bye"), null, nothing);
      server.transport.end(reason);
      expect(await page.closed).toBe(code);
      expect(page.messages).toEqual([{ text: "bye", binary: false }]);
      await until(() => server.closed);
      // Bytes for nobody count as gone.
      await new Promise<void>((done) => server.transport.write(Buffer.from("late"), null, done));
    },
  );

  it("brings what there is of a message before its end, and keeps nothing of it", async () => {
    const { connect } = await open();
    const { page, server } = await connect();
    page.webSocket.send("x".repeat(100_000), { fin: false });
    await until(() => Buffer.concat(server.chunks).length === 100_000);
    page.webSocket.send("y", { fin: true });
    await until(() => Buffer.concat(server.chunks).length === 100_001);
    expect(server.closed).toBe(false);
  });

  it("answers pings with what they carry", async () => {
    const { page } = await (await open()).connect();
    page.webSocket.ping("are you there");
    expect(String((await once(page.webSocket, "pong"))[0])).toBe("are you there");
  });

  it("that the client closes is told to the protocol, and answered with its code", async () => {
    const { connect } = await open();
    const { page, server } = await connect();
    page.webSocket.send("last words");
    page.webSocket.close(4000, "enough");
    expect(await page.closed).toBe(4000);
    await until(() => server.closed);
    expect(Buffer.concat(server.chunks).toString()).toBe("last words");
  });

  it("of a client that breaks the rules is closed with a code, and cut off where the client stays", async () => {
    const { port, clock, first } = await open();
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    cleanUp(() => void socket.destroy());
    socket.on("error", () => undefined);
    const headers = Object.entries(upgradeHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET /ws HTTP/1.1\r\nHost: h\r\n${headers.join("")}\r\n`);
    const server = await first();
    server.transport.loggedIn();
    const answer: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answer.push(chunk));
    // A frame without a mask, and more of what nobody wants.
    socket.write(Buffer.of(0x82, 1, 0x61));
    await once(socket, "end");
    expect(Buffer.concat(answer).subarray(-4).toString("hex")).toBe("880203ea");
    socket.write(Buffer.alloc(100_000));
    clock.advance(1000);
    await until(() => server.closed);
  });

  it("is refused where the request is no good", async () => {
    const { port } = await open();
    const answers: [Record<string, string>, number][] = [
      [{ "sec-websocket-version": "8" }, 426],
      [{ "sec-websocket-key": "short" }, 400],
      [{ upgrade: "h2c" }, 400],
    ];
    for (const [headers, status] of answers) {
      expect((await httpAnswer(port, "/ws", { ...upgradeHeaders, ...headers })).status).toBe(status);
    }
  });

  it("brings nothing while it is paused", async () => {
    const { connect } = await open();
    const paused = await connect();
    const other = await connect();
    paused.server.transport.pause();
    paused.page.webSocket.send("later");
    other.page.webSocket.send("now");
    await until(() => other.server.chunks.length === 1);
    expect(paused.server.chunks).toEqual([]);
    paused.server.transport.resume();
    await until(() => paused.server.chunks.length === 1);
  });
});

describe("frames", () => {
  it.each([
    ["text", "hi", false],
    ["binary", Buffer.from("hi"), true],
  ])("leave one a message, as %s where the client began so", async (_kind, greeting, binary) => {
    const { connect } = await open();
    const { page, server } = await connect();
    expect(server.transport.wantsFrameEnds).toBe(true);
    page.webSocket.send(greeting);
    page.webSocket.send(binary ? "text" : Buffer.from("binary"));
    await until(() => Buffer.concat(server.chunks).length === greeting.length + "text".length + (binary ? 0 : 2));
    await new Promise<void>((done) => server.transport.write(Buffer.from("onetwothree"), [3, 6, 11], done));
    server.transport.write(Buffer.from("four"), null, nothing);
    await until(() => page.messages.length === 4);
    expect(page.messages).toEqual(["one", "two", "three", "four"].map((text) => ({ text, binary })));
  });

  it("that are no text are binary whatever the client began with", async () => {
    const { connect } = await open();
    const { page, server } = await connect();
    page.webSocket.send("hi");
    await until(() => server.chunks.length === 1);
    server.transport.write(Buffer.of(0x61, 0xff, 0x62), [1, 2, 3], nothing);
    await until(() => page.messages.length === 3);
    expect(page.messages.map(({ binary }) => binary)).toEqual([false, true, false]);
  });
});

describe("a stream", () => {
  const options = { framing: "stream", paths: ["/ws"], subprotocols: ["mqtt", "mqttv3.1"] } as const;

  it("leaves one binary message a write, and takes bytes however they are cut", async () => {
    const { connect } = await open(options);
    const { page, server } = await connect();
    expect(server.transport.wantsFrameEnds).toBe(false);
    server.transport.write(Buffer.from("early"), null, nothing);
    page.webSocket.send(Buffer.from("ab"));
    page.webSocket.send(Buffer.from("c"));
    await until(() => Buffer.concat(server.chunks).toString() === "abc");
    await new Promise<void>((done) => server.transport.write(Buffer.from("several packets"), null, done));
    await until(() => page.messages.length === 2);
    expect(page.messages).toEqual(["early", "several packets"].map((text) => ({ text, binary: true })));
  });

  it("ends with 1003 at a text message, and brings nothing of it or behind it", async () => {
    const { connect } = await open(options);
    const { page, server } = await connect();
    page.webSocket.send(Buffer.from("ab"));
    page.webSocket.send("text");
    page.webSocket.send(Buffer.from("cd"));
    expect(await page.closed).toBe(1003);
    await until(() => server.closed);
    expect(Buffer.concat(server.chunks).toString()).toBe("ab");
  });
});
