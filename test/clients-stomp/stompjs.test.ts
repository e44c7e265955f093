import { Client, type IFrame, Versions } from "@stomp/stompjs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { nth } from "../harness/nth.ts";
import { startStompTarget, type StompTarget } from "../harness/stomp-target.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { freshName } from "../harness/target.ts";
import { Inbox, once } from "../harness/waiting.ts";

let target: StompTarget;
beforeAll(async () => {
  target = await startStompTarget();
});
afterAll(() => target.close());

describe.each(["1.0", "1.1", "1.2"] as const)("stompjs in version %s", (version) => {
  const stompVersions = new Versions([version]);

  test.each([
    ["the subprotocol of the version", [`v${version.replace(".", "")}.stomp`]],
    ["no subprotocol", []],
  ])("sends, gets and acknowledges with %s", async (_what, subprotocols) => {
    const webSocketFactory = (): WebSocket => new WebSocket(target.webSocketUrl, subprotocols);
    const stomp = await stompjsClient(target, { stompVersions, webSocketFactory });
    expect(stomp.client.connectedVersion).toBe(version);
    expect((stomp.client.webSocket as WebSocket | undefined)?.protocol).toBe(subprotocols[0] ?? "");
    const destination = `/queue/${freshName("versions")}`;
    const messages = await stomp.subscribe(destination, { id: "1", ack: "client-individual" });
    // stompjs escapes in 1.2 alone.
    const text = version === "1.2" ? "a:b\nc\\-d" : "plain";
    await stomp.send(destination, "grün", { text });
    const message = nth(await messages.first(1), 0);
    expect([message.body, message.headers["text"]]).toEqual(["grün", text]);
    await stomp.ack(message);
    await stomp.disconnect();
    expect(stomp.errors.items).toEqual([]);
  });
});

test("bodies go in binary frames, and in many pieces", async () => {
  const body = Buffer.alloc(300_000, "0123456789\0");
  for (const options of [{ forceBinaryWSFrames: true }, { splitLargeFrames: true, maxWebSocketChunkSize: 1000 }]) {
    const stomp = await stompjsClient(target, options);
    const destination = `/topic/${freshName("pieces")}`;
    const messages = await stomp.subscribe(destination);
    await stomp.send(destination, body);
    expect(Buffer.compare(nth(await messages.first(1), 0).binaryBody, body)).toBe(0);
  }
});

test("heart-beats are agreed on and keep a quiet page connected", async () => {
  const beats = new Inbox<string>("heart-beats of the server");
  const stomp = await stompjsClient(target, {
    heartbeatIncoming: 1000,
    heartbeatOutgoing: 1000,
    onHeartbeatReceived: () => beats.push("beat"),
  });
  await beats.first(3);
  expect(stomp.client.connected).toBe(true);
  expect(stomp.errors.items).toEqual([]);
});

test("a page that comes back finds its subscription where it left it", async () => {
  const destination = `/topic/${freshName("back")}`;
  const durable = { id: "tab", durable: "true", "auto-delete": "false", ack: "client-individual" };
  const first = await stompjsClient(target);
  const before = await first.subscribe(destination, durable);
  const writer = await stompjsClient(target);
  for (const text of ["one", "two", "three"]) await writer.send(destination, text);
  await first.ack(nth(await before.first(3), 0));
  // Gone without a word.
  await first.client.deactivate({ force: true });
  const second = await stompjsClient(target);
  const after = await second.subscribe(destination, durable);
  const again = (await after.first(2)).map(({ body, headers }) => [body, headers["redelivered"]]);
  expect(again).toEqual([
    ["two", "true"],
    ["three", "true"],
  ]);
  await second.unsubscribe("tab", { durable: "true" });
});

describe("an ERROR tells", () => {
  test.each([
    ["a wrong password", { passcode: "wrong" }, "Bad CONNECT", "Access refused for user 'guest'"],
    ["an unknown user", { login: "nobody" }, "Bad CONNECT", "Access refused for user 'nobody'"],
    ["an unknown virtual host", { host: "nowhere" }, "Bad CONNECT", "Virtual host 'nowhere' access denied"],
  ])("%s", async (_what, connectHeaders, message, body) => {
    const client = new Client({
      webSocketFactory: () => new WebSocket(target.webSocketUrl),
      connectHeaders: { login: target.username, passcode: target.password, ...connectHeaders },
      reconnectDelay: 0,
    });
    onTestFinished(() => client.deactivate({ force: true }));
    const error = await once<IFrame>("an ERROR", (happened) => {
      client.onStompError = happened;
      client.activate();
    });
    expect(error.headers["message"]).toBe(message);
    expect(error.body).toContain(body);
  });

  test.each([
    ["an unknown kind of destination", "/nowhere/x", "Unknown destination", "'/nowhere/x' is not a valid destination"],
    ["a queue that is not there", "/amq/queue/not.there", "not_found", "no queue 'not.there' in vhost '/'"],
    ["an exchange that is not there", "/exchange/not.there", "not_found", "no exchange 'not.there' in vhost '/'"],
  ])("%s", async (_what, destination, message, body) => {
    const stomp = await stompjsClient(target);
    stomp.client.subscribe(destination, () => undefined);
    const error = nth(await stomp.errors.first(1), 0);
    expect(error.headers["message"]).toBe(message);
    expect(error.body).toContain(body);
  });
});
