import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget } from "../harness/mqtt-target.ts";
import { connectPacket, packetTypes, pingreq } from "../harness/mqtt-wire.ts";
import { nth } from "../harness/nth.ts";
import { freshName } from "../harness/target.ts";
import { Inbox, once } from "../harness/waiting.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

/** A WebSocket that is open, and the bytes that come over it. */
async function openSocket(path: string, subprotocols: string[]): Promise<readonly [WebSocket, Inbox<Buffer>]> {
  const socket = new WebSocket(target.webSocketOrigin + path, subprotocols);
  onTestFinished(() => socket.terminate());
  socket.on("error", () => undefined);
  const bytes = new Inbox<Buffer>("bytes");
  socket.on("message", bytes.push);
  await once<void>("an open WebSocket", (happened) => socket.once("open", () => happened()));
  return [socket, bytes];
}

test.each((["/ws", "/mqtt"] as const).flatMap((path) => ([3, 4, 5] as const).map((version) => ({ path, version }))))(
  "MQTT.js in protocol level $version on $path talks to one over TCP",
  async ({ path, version }) => {
    const topic = freshName("web");
    const { hostname, port } = new URL(target.webSocketOrigin);
    const page = await mqttjsClient(target, {
      protocol: "ws",
      host: hostname,
      port: Number(port),
      path,
      protocolVersion: version,
    });
    const device = await mqttjsClient(target, { protocolVersion: version });
    for (const client of [page, device]) await client.subscribe(topic, { qos: 2 });
    const big = "0123456789".repeat(30_000);
    await page.publish(topic, big, { qos: 2 });
    await device.publish(topic, "from TCP", { qos: 1 });
    for (const client of [page, device]) {
      expect((await client.messages.first(2)).map(({ text }) => text).sort()).toEqual([big, "from TCP"].sort());
    }
  },
);

test.each(["mqtt", "mqttv3.1"])("the subprotocol %s is taken and said back", async (subprotocol) => {
  const [socket] = await openSocket("/mqtt", [subprotocol]);
  expect(socket.protocol).toBe(subprotocol);
});

test("packets may be spread over messages, and share one", async () => {
  const [socket, received] = await openSocket("/mqtt", ["mqtt"]);
  const bytes = Buffer.concat([connectPacket({ version: 4 }), pingreq, pingreq]);
  for (let at = 0; at < 20; at++) socket.send(bytes.subarray(at, at + 1));
  socket.send(bytes.subarray(20));
  const expected = Buffer.from([packetTypes.connack << 4, 2, 0, 0, 0xd0, 0, 0xd0, 0]);
  await received.first(1);
  while (Buffer.concat(received.items).length < expected.length) await received.first(received.items.length + 1);
  expect(Buffer.concat(received.items)).toEqual(expected);
});

test("a text message ends the connection", async () => {
  const [socket] = await openSocket("/mqtt", ["mqtt"]);
  const code = once<number>("the end", (happened) => socket.once("close", happened));
  socket.send("not bytes");
  expect(await code).toBe(1003);
});

test("another path and another subprotocol are refused", async () => {
  for (const [path, subprotocols] of [
    ["/elsewhere", ["mqtt"]],
    ["/mqtt", ["v12.stomp"]],
  ] as const) {
    const socket = new WebSocket(target.webSocketOrigin + path, [...subprotocols]);
    onTestFinished(() => socket.terminate());
    const outcome = await once<string>("an outcome", (happened) => {
      socket.once("error", ({ message }) => happened(message));
      socket.once("open", () => happened(`open with ${socket.protocol}`));
    });
    expect(outcome).toMatch(/Unexpected server response: 40\d|no subprotocol/);
  }
});

test("a page that goes away without a word frees its session", async () => {
  const topic = freshName("page-will");
  const watcher = await mqttjsClient(target);
  await watcher.subscribe(topic);
  const { hostname, port } = new URL(target.webSocketOrigin);
  const will = { topic, payload: Buffer.from("gone"), qos: 0 as const, retain: false };
  const page = await mqttjsClient(target, { protocol: "ws", host: hostname, port: Number(port), path: "/mqtt", will });
  await page.drop();
  expect(nth(await watcher.messages.first(1), 0).text).toBe("gone");
});
