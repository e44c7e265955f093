import { describe, expect, it } from "vitest";
import { FakeClock, until } from "@jackalope/testkit";
import {
  connectionClose,
  connectionCloseOk,
  connectionOpen,
  connectionOpenOk,
  connectionStart,
  connectionStartOk,
  connectionTune,
  connectionTuneOk,
  connectionUpdateSecret,
  connectionUpdateSecretOk,
} from "../src/methods/connection.ts";
import { channelOpen, channelOpenOk } from "../src/methods/channel.ts";
import { fieldTableBytes, writeFieldTable } from "../src/field-table-writer.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { header, method } from "./raw-client.ts";

describe("the protocol header", () => {
  it.each([
    ["another version", Buffer.from("AMQP\0\0\x09\x09"), "AMQP version bytes 0 0 9 9"],
    ["AMQP 1.0", Buffer.from("AMQP\0\x01\0\0"), "AMQP version bytes 0 1 0 0"],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "an HTTP request on a port that speaks AMQP 0-9-1"],
    ["TLS", Buffer.from("1603010200010001fc0303", "hex"), "a TLS handshake on a port that speaks plain AMQP 0-9-1"],
    ["garbage", Buffer.from("\xff\0\0\0\0\0\0\0", "latin1"), "bytes that are no AMQP header"],
  ])("of %s is answered with ours, named in the log, and the socket closes", async (_name, bytes, logged) => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    client.send(bytes);
    await client.end();
    expect(client.received).toEqual(header);
    expect(fixture.log.join()).toContain(logged);
  });

  it("may come byte by byte, and AMQP 0-9's is taken too", async () => {
    const fixture = await startAdapter();
    const slow = await fixture.socket();
    for (const byte of header) slow.send(Buffer.of(byte));
    await slow.expect(connectionStart);
    const early = await fixture.socket();
    early.send(Buffer.from("AMQP\x01\x01\0\x09"));
    await early.expect(connectionStart);
  });
});

describe("connection.start", () => {
  it("names mechanisms, capabilities in RabbitMQ's order and a product that clients know", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    client.send(header);
    const start = await client.expect(connectionStart);
    expect([start.versionMajor, start.versionMinor]).toEqual([0, 9]);
    expect(start.mechanisms.toString()).toBe("PLAIN AMQPLAIN");
    const properties = new Map(start.serverProperties);
    expect([...properties.keys()]).toEqual([
      "capabilities",
      "cluster_name",
      "copyright",
      "information",
      "platform",
      "product",
      "version",
    ]);
    const capabilities = properties.get("capabilities");
    expect(capabilities?.kind === "table" ? capabilities.value.map(([key]) => key) : []).toEqual([
      "publisher_confirms",
      "exchange_exchange_bindings",
      "basic.nack",
      "consumer_cancel_notify",
      "connection.blocked",
      "consumer_priorities",
      "authentication_failure_close",
      "per_consumer_qos",
      "direct_reply_to",
    ]);
    expect(properties.get("product")).toEqual({ kind: "string", value: "RabbitMQ" });
  });
});

describe("a login", () => {
  it("with AMQPLAIN is granted", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const table = [
      ["LOGIN", { kind: "string", value: "guest" }],
      ["PASSWORD", { kind: "string", value: "guest" }],
    ] as const;
    const bytes = Buffer.alloc(fieldTableBytes(table));
    writeFieldTable(table, bytes, 0);
    await client.handshake({ mechanism: "AMQPLAIN", response: bytes.subarray(4) });
  });

  it.each([
    ["wrong password", "PLAIN", Buffer.from("\0guest\0wrong")],
    ["malformed PLAIN", "PLAIN", Buffer.from("guest")],
    ["malformed AMQPLAIN", "AMQPLAIN", Buffer.alloc(0)],
  ])("refused (%s) says so to clients that understand, and is silent to others", async (_name, mechanism, response) => {
    const fixture = await startAdapter();
    const modern = await fixture.socket();
    await modern.login({ mechanism, response, capabilities: ["authentication_failure_close"] });
    const close = await modern.expect(connectionClose);
    expect(close).toMatchObject({
      replyCode: 403,
      replyText: `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
    });
    const old = await fixture.socket();
    await old.login({ mechanism, response });
    expect(await old.frame()).toBeNull();
    expect(fixture.log.join()).toMatch(/(login|connection) refused/);
  });

  it("with an unknown mechanism is refused by name", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    await client.login({ mechanism: "MAGIC" });
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 503,
      replyText: "COMMAND_INVALID - unknown authentication mechanism 'MAGIC'",
    });
  });

  it("may be renewed by update-secret, which a wrong secret does not survive", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.call(
      0,
      connectionUpdateSecret,
      { newSecret: Buffer.from("guest"), reason: "" },
      connectionUpdateSecretOk,
    );
    client.send(method(0, connectionUpdateSecret, { newSecret: Buffer.from("wrong"), reason: "" }));
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 530,
      replyText: "NOT_ALLOWED - New secret was refused by one of the backends",
    });
  });
});

describe("tuning", () => {
  const tuned = { channelMax: 2047, frameMax: 131_072, heartbeat: 0 };

  it.each([
    ["frame_max = 4095 is lower than the minimum allowed value (4096)", { ...tuned, frameMax: 4095 }],
    ["frame_max = 131073 is higher than the maximum allowed value (131072)", { ...tuned, frameMax: 131_073 }],
    ["frame_max = 0 (no limit) is higher than the maximum allowed value (131072)", { ...tuned, frameMax: 0 }],
    ["channel_max = 0 (no limit) is higher than the maximum allowed value (2047)", { ...tuned, channelMax: 0 }],
    ["channel_max = 2048 is higher than the maximum allowed value (2047)", { ...tuned, channelMax: 2048 }],
  ])("beyond the limits is refused: negotiated %s", async (text, values) => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    await client.login();
    expect(await client.expect(connectionTune)).toEqual({ channelMax: 2047, frameMax: 131_072, heartbeat: 60 });
    client.send(method(0, connectionTuneOk, values));
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 530,
      replyText: `NOT_ALLOWED - negotiated ${text}`,
    });
  });

  it("down to one channel holds", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ channelMax: 1, frameMax: 4096 });
    client.send(method(7, channelOpen, { outOfBand: "" }));
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 530,
      replyText: "NOT_ALLOWED - number of channels opened (1) has reached the negotiated channel_max (1)",
    });
  });
});

describe("connection.open", () => {
  it("of an unknown virtual host is refused", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    await client.login();
    const tune = await client.expect(connectionTune);
    client.send(method(0, connectionTuneOk, { ...tune, heartbeat: 0 }));
    client.send(method(0, connectionOpen, { virtualHost: "nope", capabilities: "", insist: false }));
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 530,
      replyText: "NOT_ALLOWED - vhost nope not found",
      failingClassId: 10,
      failingMethodId: 40,
    });
  });

  it("may be sent together with everything before and after it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    const startOk = { clientProperties: [], mechanism: "PLAIN", response: Buffer.from("\0guest\0guest"), locale: "" };
    client.send(
      header,
      method(0, connectionStartOk, startOk),
      method(0, connectionTuneOk, { channelMax: 1, frameMax: 4096, heartbeat: 0 }),
      method(0, connectionOpen, { virtualHost: "/", capabilities: "", insist: false }),
      method(1, channelOpen, { outOfBand: "" }),
    );
    await client.expect(connectionStart);
    await client.expect(connectionTune);
    await client.expect(connectionOpenOk);
    await client.expect(channelOpenOk);
  });

  it("before start-ok, or any other method out of turn, is refused", async () => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    client.send(header, method(0, connectionOpen, { virtualHost: "/", capabilities: "", insist: false }));
    await client.expect(connectionStart);
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 504,
      replyText: "CHANNEL_ERROR - unexpected method in connection state starting",
    });
  });

  it("that never comes ends the connection at the handshake's time limit", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.socket();
    client.send(header);
    await client.expect(connectionStart);
    clock.advance(9999);
    expect(client.closed).toBe(false);
    clock.advance(1);
    await client.end();
    expect(fixture.log).toContain("connection refused: the login was not over in time (handshake-timeout)");
  });
});

describe("closing", () => {
  const bye = { replyCode: 200, replyText: "bye", failingClassId: 0, failingMethodId: 0 };

  it("by the client is answered and frees the connection", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.call(0, connectionClose, bye, connectionCloseOk);
    await client.end();
    await until(() => fixture.broker.connections.size === 0 && fixture.adapter.connectionCount === 0);
  });

  it("by both sides at once is answered on both", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.send(method(0, channelOpen, { outOfBand: "" }));
    await client.expect(connectionClose);
    await client.call(0, connectionClose, bye, connectionCloseOk);
    await client.end();
  });

  it("by a lost socket frees the connection", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.destroy();
    await until(() => fixture.broker.connections.size === 0);
  });

  it("waits for close-ok no longer than its limit", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client();
    client.send(method(0, channelOpen, { outOfBand: "" }));
    await client.expect(connectionClose);
    clock.advance(30_000);
    await client.end();
  });

  it("of the adapter tells every client, and ends by itself where one does not answer", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const polite = await fixture.client();
    const deaf = await fixture.client();
    const unborn = await fixture.socket();
    await until(() => fixture.adapter.connectionCount === 3);
    const closed = fixture.adapter.close();
    for (const client of [polite, deaf]) {
      expect(await client.expect(connectionClose)).toMatchObject({
        replyCode: 320,
        replyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
      });
    }
    polite.send(method(0, connectionCloseOk, {}));
    await polite.end();
    await unborn.end();
    expect(deaf.closed).toBe(false);
    clock.advance(3000);
    await closed;
    await deaf.end();
    await expect(fixture.socket()).rejects.toThrow("ECONNREFUSED");
  });
});

describe("heartbeats", () => {
  it("are sent when nothing else is, and silence for two intervals closes the socket without a word", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ heartbeat: 10 });
    clock.advance(5000);
    clock.advance(5000);
    expect(await client.frame()).toEqual({ type: 8, channel: 0, payload: Buffer.alloc(0) });
    // Traffic of any kind counts.
    await client.openChannel(2);
    clock.advance(20_000);
    expect(client.closed).toBe(false);
    clock.advance(5000);
    await client.end();
    expect(fixture.log).toContain("connection closed: missed heartbeats from the client");
  });

  it("are off where the client says 0", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ heartbeat: 0 });
    clock.advance(3_600_000);
    await client.openChannel(2);
    expect(client.received.includes(Buffer.of(8, 0, 0, 0, 0, 0, 0, 0xce))).toBe(false);
  });
});
