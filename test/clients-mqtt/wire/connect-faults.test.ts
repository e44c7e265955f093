import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectFlags as flags,
  type ConnectParts,
  connectPacket,
  packet,
  packetTypes,
  pingreq,
  prefixed,
  property,
  propertyIds as ids,
  publishPacket,
} from "../../harness/mqtt-wire.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { RawMqttConnection } from "../../harness/raw-mqtt-connection.ts";
import { octet, short } from "../../harness/wire.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

const login = [prefixed("guest"), prefixed("guest")];
const withLogin = flags.clean | flags.name | flags.password;
const will = [prefixed("will"), prefixed("gone")];

/** Sends `bytes`, and returns the code of CONNACK (-1 where there is none) once the server has closed the connection. */
async function refusal(bytes: Buffer): Promise<number> {
  const connection = await RawMqttConnection.connect(target);
  connection.send(bytes);
  const [first, ...more] = await connection.untilEnd();
  expect(more).toEqual([]);
  if (first === undefined) return -1;
  expect(first.type).toBe(packetTypes.connack);
  expect(first.body[0]).toBe(0);
  return first.body[1] ?? -2;
}

type Fault = readonly [clause: string, what: string, parts: ConnectParts, codes: readonly number[]];

const malformed = [0x81];
const protocolError = [0x82];
// Where the specification does not say which of the two it is.
const either = [0x81, 0x82];

describe("CONNECT of version 5 is refused:", () => {
  const list = (...properties: readonly Buffer[]): ConnectParts => ({ properties });
  test.each<Fault>([
    ["MQTT-3.1.2-3", "the reserved flag", { flags: withLogin | 1 }, malformed],
    ["MQTT-3.1.2-11", "a QoS for no will", { flags: withLogin | flags.willQos1 }, malformed],
    ["MQTT-3.1.2-13", "RETAIN for no will", { flags: withLogin | flags.willRetain }, malformed],
    [
      "MQTT-3.1.2-12",
      "a will of QoS 3",
      { flags: withLogin | flags.will | 24, payload: [Buffer.from([0]), ...will, ...login] },
      malformed,
    ],
    ["MQTT-1.5.4-1", "a client identifier that is not UTF-8", { clientId: Buffer.from([0x61, 0xff]) }, malformed],
    ["MQTT-1.5.4-1", "a surrogate in the client identifier", { clientId: Buffer.from([0xed, 0xa0, 0x80]) }, malformed],
    ["MQTT-1.5.4-2", "NUL in the client identifier", { clientId: "a\0b" }, malformed],
    ["MQTT-3.1.2-17", "a user name that is announced and missing", { payload: [] }, malformed],
    ["3.1.3", "bytes behind the password", { payload: [...login, octet(1)] }, malformed],
    ["3.1.2.11.2", "session expiry twice", list(property.long(17, 1), property.long(17, 1)), protocolError],
    ["3.1.2.11.3", "receive maximum of 0", list(property.short(ids.receiveMaximum, 0)), protocolError],
    ["3.1.2.11.4", "maximum packet size of 0", list(property.long(ids.maximumPacketSize, 0)), protocolError],
    ["3.1.2.11.6", "2 for request response information", list(property.byte(ids.requestResponse, 2)), protocolError],
    ["3.1.2.11.7", "2 for request problem information", list(property.byte(ids.requestProblem, 2)), protocolError],
    [
      "3.1.2.11.10",
      "authentication data without a method",
      list(property.text(ids.authenticationData, "x")),
      protocolError,
    ],
    ["2.2.2.2", "a property of another packet", list(property.short(ids.topicAlias, 1)), either],
    ["2.2.2.2", "a property that does not exist", list(property.byte(0x7e, 1)), malformed],
    ["2.2.2.1", "properties that are longer than the packet", list(Buffer.from([0x11, 0, 0])), malformed],
    ["MQTT-4.12.0-1", "an unknown method of authentication", list(property.text(21, "NOT-KNOWN")), [0x8c]],
    [
      "3.1.3.2.3",
      "2 for the will's payload format",
      {
        flags: withLogin | flags.will,
        payload: [Buffer.from([2, 1, 2]), ...will, ...login],
      },
      either,
    ],
    [
      "3.1.3.3",
      "a wildcard in the will's topic",
      { flags: withLogin | flags.will, payload: [Buffer.from([0]), prefixed("a/#"), prefixed("x"), ...login] },
      [0x90],
    ],
  ])("[%s] %s", async (_clause, _what, parts, codes) => {
    expect(codes).toContain(await refusal(connectPacket(parts)));
  });

  test("[MQTT-2.1.3-1] flags in the fixed header", async () => {
    const bytes = connectPacket();
    bytes[0] = 0x11;
    expect([-1, 0x81]).toContain(await refusal(bytes));
  });
});

describe.each([3, 4] as const)("CONNECT of protocol level %i is refused without a word:", (version) => {
  test.each<readonly [clause: string, what: string, parts: ConnectParts]>([
    ["MQTT-3.1.2-11", "a QoS for no will", { flags: withLogin | flags.willQos1 }],
    ["MQTT-3.1.2-14", "a will of QoS 3", { flags: withLogin | flags.will | 24, payload: [...will, ...login] }],
    ["MQTT-3.1.2-15", "RETAIN for no will", { flags: withLogin | flags.willRetain }],
    ["MQTT-1.5.3-1", "a client identifier that is not UTF-8", { clientId: Buffer.from([0x61, 0xff]) }],
    ["MQTT-1.5.3-2", "NUL in the client identifier", { clientId: "a\0b" }],
    [
      "MQTT-3.1.2-22",
      "a password without a user name",
      { flags: flags.clean | flags.password, payload: [prefixed("x")] },
    ],
    ["3.1.3", "bytes behind the password", { payload: [...login, octet(1)] }],
  ])("[%s] %s", async (_clause, _what, parts) => {
    expect(await refusal(connectPacket({ version, clientId: "c", ...parts }))).toBe(-1);
  });

  test("[MQTT-3.1.3-8] no client identifier for a session that is to be kept: return code 2", async () => {
    expect(await refusal(connectPacket({ version, flags: flags.name | flags.password }))).toBe(2);
  });
});

test("[MQTT-3.1.2-3] version 3.1.1 refuses the reserved flag, and a user name that is announced and missing", async () => {
  expect(await refusal(connectPacket({ version: 4, flags: withLogin | 1 }))).toBe(-1);
  expect(await refusal(connectPacket({ version: 4, payload: [] }))).toBe(-1);
});

test("version 3.1 takes the flag, which it does not use, and a missing user name for no user name", async () => {
  for (const parts of [{ flags: withLogin | 1 }, { payload: [] }]) {
    await RawMqttConnection.open(target, { version: 3, clientId: "lenient", ...parts });
  }
});

describe("a protocol that is not MQTT as we know it", () => {
  test("[MQTT-3.1.2-1] another name ends the connection", async () => {
    expect([-1, 1, 0x84]).toContain(await refusal(connectPacket({ protocolName: "MQTX" })));
  });

  test.each([
    [1, "MQIsdp", [1]],
    [2, "MQTT", [1]],
    [6, "MQTT", [1, 0x84]],
    [127, "MQTT", [1, 0x84]],
  ] as const)("[MQTT-3.1.2-2] level %i of %s is told so", async (version, protocolName, codes) => {
    expect(codes).toContain(await refusal(connectPacket({ version, protocolName })));
  });
});

describe("[MQTT-3.1.0-1] what comes in place of CONNECT ends the connection without a word:", () => {
  test.each([
    ["PINGREQ", pingreq],
    ["PUBLISH", publishPacket({ topic: "a", body: "b" })],
    ["CONNACK", packet(packetTypes.connack, 0, short(0))],
    ["AUTH", packet(packetTypes.auth, 0)],
    ["type 0", packet(0, 0)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["AMQP", Buffer.from("AMQP\0\0\x09\x01", "latin1")],
    ["TLS", Buffer.from("16030100f1010000ed0303", "hex")],
    ["a remaining length of five bytes", Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01])],
  ])("%s", async (_what, bytes) => {
    expect([-1, 0x81, 0x82]).toContain(await refusal(bytes));
  });
});

test("a CONNECT that is cut at any byte, and goes on later, is the same CONNECT", async () => {
  const bytes = connectPacket({
    flags: withLogin | flags.will,
    properties: [property.long(ids.sessionExpiry, 0), property.pair(ids.userProperty, "a", "b")],
    payload: [Buffer.from([0]), ...will, ...login],
  });
  for (let cut = 1; cut < bytes.length; cut++) {
    const connection = await RawMqttConnection.connect(target);
    connection.send(bytes.subarray(0, cut));
    connection.socket.write(bytes.subarray(cut));
    expect((await connection.next(packetTypes.connack)).body[1]).toBe(0);
    connection.socket.destroy();
  }
});
