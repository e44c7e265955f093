import { connect } from "node:tls";
import {
  certificate,
  clientCertificate,
  clientPrivateKey,
  FakeClock,
  HeldStorage,
  privateKey,
  until,
} from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";
import { type ConnectOptions, RawClient } from "./raw-client.ts";

const versions = [3, 4, 5] as const;

/** The CONNECT that follows is refused with these codes in version 5 and 3.1.1. */
async function refusal(
  options: ConnectOptions,
  adapterOptions: Parameters<typeof startAdapter>[0] = {},
): Promise<{ v5: number | undefined; v3: number | undefined; reason: string | undefined }> {
  const fixture = await startAdapter(adapterOptions);
  const newer = await fixture.socket();
  const connack = await newer.connack({ ...options, protocolVersion: 5 });
  await newer.end();
  const older = await fixture.socket();
  const old = await older.connack({ ...options, protocolVersion: 4 });
  await older.end();
  expect(fixture.broker.connections.size).toBe(0);
  return { v5: connack.reasonCode, v3: old.returnCode, reason: connack.properties?.reasonString };
}

describe("CONNECT", () => {
  it.each(versions)("of level %i is granted, and pings are answered", async (protocolVersion) => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.login({ protocolVersion });
    expect(connack.sessionPresent).toBe(false);
    await client.ping();
    const [connection] = fixture.broker.connections;
    expect(connection?.options).toMatchObject({
      protocol: { 3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0" }[protocolVersion],
      clientId: "test",
    });
  });

  it("of an unknown level is answered in the form of its time", async () => {
    const fixture = await startAdapter();
    const connectOf = (level: number): Buffer =>
      Buffer.from([0x10, 16, 0, 4, ...Buffer.from("MQTT"), level, 2, 0, 0, 0, 4, ...Buffer.from("test")]);
    for (const [level, answer] of [
      [2, [0x20, 2, 0, 1]],
      [6, [0x20, 3, 0, 0x84, 0]],
    ] as const) {
      const client = await fixture.socket();
      client.version = level < 5 ? 4 : 5;
      client.send(connectOf(level));
      const connack = await client.expect("connack");
      expect(connack.returnCode ?? connack.reasonCode).toBe(answer[3]);
      await client.end();
    }
  });

  it("must come first, or the connection ends without a word", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    client.send(Buffer.from([0xc0, 0]));
    await client.end();
    const web = await fixture.socket();
    web.send("GET / HTTP/1.1\r\n\r\n");
    await web.end();
    expect(fixture.log.join("\n")).toContain("MQTT-3.1.0-1");
  });

  it("must not come twice", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.sendConnect();
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
    await client.end();
    const older = await fixture.client({ protocolVersion: 4 });
    older.sendConnect({ protocolVersion: 4 });
    await older.end();
  });

  it("that is malformed is refused with the code that version 5 has for it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    // The reserved flag.
    client.send(Buffer.from([0x10, 17, 0, 4, ...Buffer.from("MQTT"), 5, 3, 0, 0, 0, 0, 4, ...Buffer.from("test")]));
    expect(await client.expect("connack")).toMatchObject({ reasonCode: 0x81 });
    await client.end();
    expect(fixture.log.join("\n")).toContain("MQTT-3.1.2-3");
  });

  it("that does not come is not waited for longer than the time limit", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.socket();
    await until(() => fixture.adapter.connectionCount === 1);
    clock.advance(10_000);
    await client.end();
    expect(fixture.log.join()).toContain("the login was not over in time");
  });

  it("for a session that cannot be stored is answered at the time limit, by both versions' server unavailable", async () => {
    const [clock, storage] = [new FakeClock(), new HeldStorage()];
    const fixture = await startAdapter({ clock, storage });
    const clients = await Promise.all([fixture.socket(), fixture.socket()]);
    storage.hold();
    clients[0].sendConnect({ clientId: "a", protocolVersion: 5, properties: { sessionExpiryInterval: 100 } });
    clients[1].sendConnect({ clientId: "b", protocolVersion: 4, clean: false });
    await until(() => fixture.broker.connections.size === 2);
    clock.advance(10_000);
    expect(await clients[0].expect("connack")).toMatchObject({ reasonCode: 0x88 });
    expect(await clients[1].expect("connack")).toMatchObject({ returnCode: 3 });
    for (const client of clients) await client.end();
    expect(fixture.broker.connections.size).toBe(0);
  });

  it("may be no larger than the limit before the login, which grows with it", async () => {
    const fixture = await startAdapter({ limits: { connectPacketBytesMax: 256 } });
    const client = await fixture.socket();
    client.sendConnect({ username: "x".repeat(300), password: "" });
    await client.end();
    const granted = await fixture.client();
    granted.packet({
      cmd: "publish",
      topic: "a",
      payload: "x".repeat(300),
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    });
    await granted.expect("puback");
  });
});

describe("the client id", () => {
  it("is assigned where version 5 gives none, and told", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.login({ clientId: "" });
    const assigned = connack.properties?.assignedClientIdentifier ?? "";
    expect(assigned).not.toBe("");
    expect([...fixture.broker.connections][0]?.options.clientId).toBe(assigned);
  });

  it("may be empty in 3.1.1 with a clean session alone, and not in 3.1", async () => {
    const fixture = await startAdapter();
    const clean = await fixture.socket();
    expect((await clean.connack({ clientId: "", protocolVersion: 4 })).returnCode).toBe(0);
    const kept = await fixture.socket();
    // mqtt-packet refuses to write it.
    kept.version = 4;
    kept.send(Buffer.from([0x10, 12, 0, 4, ...Buffer.from("MQTT"), 4, 0, 0, 0, 0, 0]));
    expect((await kept.expect("connack")).returnCode).toBe(2);
    await kept.end();
    const old = await fixture.socket();
    old.version = 3;
    old.send(Buffer.from([0x10, 14, 0, 6, ...Buffer.from("MQIsdp"), 3, 2, 0, 0, 0, 0]));
    expect((await old.expect("connack")).returnCode).toBe(2);
    await old.end();
  });

  it("may be long, up to its limit", async () => {
    const fixture = await startAdapter({ limits: { clientIdBytesMax: 100 } });
    await fixture.client({ clientId: "x".repeat(100), protocolVersion: 3 });
    const client = await fixture.socket();
    expect((await client.connack({ clientId: "x".repeat(101) })).reasonCode).toBe(0x85);
    await client.end();
  });
});

describe("a user", () => {
  it("needs the right password", async () => {
    expect(await refusal({ username: "guest", password: "wrong" })).toMatchObject({ v5: 0x86, v3: 4 });
    expect(await refusal({ username: "nobody", password: "guest" })).toMatchObject({ v5: 0x86, v3: 4 });
  });

  it("who names nobody is refused unless there is an anonymous user", async () => {
    expect(await refusal({ username: "" })).toMatchObject({ v5: 0x86, v3: 4 });
    const fixture = await startAdapter({ anonymousUser: { name: "guest", password: "guest" } });
    await fixture.client({ username: "" });
    expect([...fixture.broker.connections][0]?.user.name).toBe("guest");
  });

  it("may name the virtual host", async () => {
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("devices");
    await fixture.broker.users.setPermissions("guest", "devices", { configure: ".*", write: ".*", read: ".*" });
    await fixture.client({ username: "devices:guest", password: "guest" });
    expect([...fixture.broker.connections][0]?.virtualHost.name).toBe("devices");
  });

  it("may not name a virtual host that is forbidden or none, and both sound the same", async () => {
    const missing = await refusal({ username: "missing:guest", password: "guest" });
    expect(missing).toMatchObject({ v5: 0x87, v3: 5 });
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("missing");
    const client = await fixture.socket();
    const connack = await client.connack({ username: "missing:guest", password: "guest" });
    expect(connack.reasonCode).toBe(0x87);
    expect(connack.properties?.reasonString).toBe(missing.reason);
  });

  it("may have a colon in the name where virtual hosts are not looked for there", async () => {
    const fixture = await startAdapter({ virtualHostInUserName: false });
    await fixture.broker.users.put("floor:1", "secret", []);
    await fixture.broker.users.setPermissions("floor:1", "/", { configure: "", write: "", read: "" });
    await fixture.client({ username: "floor:1", password: "secret" });
  });

  it("is refused where the broker is full", async () => {
    expect(await refusal({}, { brokerLimits: { connectionsMax: 0 } })).toMatchObject({ v5: 0x97, v3: 3 });
    expect(await refusal({}, { limits: { sessionsMax: 0 } })).toMatchObject({ v5: 0x97, v3: 3 });
  });

  it("may not use extended authentication", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.connack({ properties: { authenticationMethod: "SCRAM-SHA-1" } });
    expect(connack.reasonCode).toBe(0x8c);
    await client.end();
    const granted = await fixture.client();
    granted.packet({ cmd: "auth", reasonCode: 0x19, properties: { authenticationMethod: "SCRAM-SHA-1" } });
    expect(await granted.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
    await granted.end();
  });

  it("who may not publish a will is refused", async () => {
    const fixture = await startAdapter();
    await fixture.broker.users.put("reader", "secret", []);
    await fixture.broker.users.setPermissions("reader", "/", { configure: ".*", write: "^$", read: ".*" });
    const client = await fixture.socket();
    const will = { topic: "state", payload: "gone", qos: 0, retain: false } as const;
    const connack = await client.connack({ username: "reader", password: "secret", will });
    expect(connack.reasonCode).toBe(0x87);
    await client.end();
    expect(fixture.broker.connections.size).toBe(0);
    const system = await fixture.socket();
    expect((await system.connack({ will: { ...will, topic: "$SYS/broker/version" } })).reasonCode).toBe(0x87);
  });

  it("whose will leads to no exchange is told what a publish is told", async () => {
    const will = { topic: "state", payload: "gone", qos: 0, retain: false } as const;
    const text = "will refused: no exchange 'nowhere' in vhost '/'";
    // 3.1.1 has no return code for it ([MQTT-3.2.2-6] there).
    const fixture = await startAdapter({ exchange: "nowhere" });
    const client = await fixture.socket();
    const connack = await client.connack({ will });
    expect([connack.reasonCode, connack.properties?.reasonString]).toEqual([0x83, text]);
    await client.end();
    const older = await fixture.socket();
    older.sendConnect({ will, protocolVersion: 4 });
    await older.end();
    expect(fixture.log.at(-1)).toContain(`0x83 MQTT-3.1.4-2 ${text}`);
    const publisher = await fixture.client();
    publisher.packet({ cmd: "publish", ...will, qos: 1, messageId: 1, dup: false });
    expect((await publisher.expect("puback")).reasonCode).toBe(0x83);
    publisher.packet({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "state", qos: 0 }] });
    expect((await publisher.expect("suback")).granted).toEqual([0x83]);
  });

  it.each([
    ["$reply-to//exchange/nowhere/key", 0x83, "no exchange 'nowhere'"],
    ["$reply-to//exchange/amq.rabbitmq.trace/key", 0x87, "internal"],
    ["$share/group/a", 0x90, "shared subscription"],
  ])("whose will is for %s is refused with %i", async (topic, code, text) => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.connack({ will: { topic, payload: "gone", qos: 0, retain: false } });
    expect(connack.reasonCode).toBe(code);
    expect(connack.properties?.reasonString).toContain(text);
    const publisher = await fixture.client();
    publisher.packet({ cmd: "publish", topic, payload: "", qos: 1, messageId: 1, dup: false, retain: false });
    expect(await publisher.next()).toMatchObject({ reasonCode: code });
  });
});

describe("CONNACK", () => {
  it("of version 5 says what differs from what clients assume", async () => {
    const fixture = await startAdapter({ limits: { packetBytesMax: 5000, receiveMaximum: 20, topicAliasMaximum: 7 } });
    const client = await fixture.socket();
    const connack = await client.login();
    expect({ ...connack.properties }).toEqual({ maximumPacketSize: 5000, receiveMaximum: 20, topicAliasMaximum: 7 });
  });

  it("tells the session expiry and the keep alive where they are not as asked", async () => {
    const fixture = await startAdapter({ limits: { sessionExpirySecondsMax: 3600, keepAliveSecondsMax: 60 } });
    const granted = await fixture.socket();
    const asked = await granted.login({ keepalive: 60, properties: { sessionExpiryInterval: 3600 } });
    expect(asked.properties?.sessionExpiryInterval).toBeUndefined();
    expect(asked.properties?.serverKeepAlive).toBeUndefined();
    const capped = await fixture.socket();
    const answer = await capped.login({
      clientId: "2",
      keepalive: 61,
      properties: { sessionExpiryInterval: 0xffffffff },
    });
    expect(answer.properties).toMatchObject({ sessionExpiryInterval: 3600, serverKeepAlive: 60 });
    const silent = await fixture.socket();
    expect((await silent.login({ clientId: "3", keepalive: 0 })).properties).toMatchObject({ serverKeepAlive: 60 });
  });

  it("has response information for who asks for it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.login({ clientId: "a+b", properties: { requestResponseInformation: true } });
    expect(connack.properties?.responseInformation).toBe("response/a%2Bb/");
  });

  it("leaves the reason out where the client takes no packet of that size", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const connack = await client.connack({
      username: "guest",
      password: "wrong",
      properties: { maximumPacketSize: 10 },
    });
    expect(connack.reasonCode).toBe(0x86);
    expect(connack.properties?.reasonString).toBeUndefined();
  });
});

describe("a TLS client certificate", () => {
  async function tlsClient(port: number, withCertificate: boolean): Promise<RawClient> {
    const client = withCertificate ? { cert: clientCertificate, key: clientPrivateKey } : {};
    const socket = connect({ port, host: "127.0.0.1", ca: certificate, servername: "localhost", ...client });
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("secureConnect", () => resolve(RawClient.on(socket)));
    });
  }

  it("makes its common name the user of a client that names none", async () => {
    const fixture = await startAdapter();
    const tls = { cert: certificate, key: privateKey, ca: certificate, requestCert: true, rejectUnauthorized: false };
    const [address] = await fixture.adapter.listen({ host: "127.0.0.1", port: 0, tls });
    const port = address?.port ?? 0;
    const unknown = await tlsClient(port, true);
    expect((await unknown.connack({ username: "" })).reasonCode).toBe(0x86);
    await fixture.broker.users.put("device-1", "", []);
    await fixture.broker.users.setPermissions("device-1", "/", { configure: ".*", write: ".*", read: ".*" });
    const client = await tlsClient(port, true);
    await client.login({ username: "" });
    const named = await tlsClient(port, true);
    await named.login({ clientId: "named" });
    expect([...fixture.broker.connections].map(({ user }) => user.name)).toEqual(["device-1", "guest"]);
    const without = await tlsClient(port, false);
    expect((await without.connack({ username: "" })).reasonCode).toBe(0x86);
    for (const each of [client, named]) each.destroy();
  });
});
