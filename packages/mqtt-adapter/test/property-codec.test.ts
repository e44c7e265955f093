import type { FieldTable, FieldValue, Properties } from "@jackalope/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mqttFormat } from "../src/mapping.ts";
import { decodeProperties, encodeProperties } from "../src/property-codec.ts";

const string = (value: string): FieldValue => ({ kind: "string", value });

/** A property block taken apart, as a client sees it. */
interface Block {
  exactTopic?: string;
  payloadFormat?: number;
  expirySeconds?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: string;
  userProperties: (readonly [name: string, value: string])[];
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function native(block: Block): Buffer {
  const parts: Buffer[] = [];
  const text = (id: number, value: string | undefined): void => {
    if (value !== undefined) parts.push(Buffer.of(id), field(Buffer.from(value)));
  };
  text(0x7f, block.exactTopic);
  if (block.payloadFormat !== undefined) parts.push(Buffer.of(0x01, block.payloadFormat));
  for (const [name, value] of block.userProperties) {
    parts.push(Buffer.of(0x26), field(Buffer.from(name)), field(Buffer.from(value)));
  }
  if (block.correlationData !== undefined) {
    parts.push(Buffer.of(0x09), field(Buffer.from(block.correlationData, "hex")));
  }
  text(0x08, block.responseTopic);
  text(0x03, block.contentType);
  if (block.expirySeconds !== undefined) {
    const expiry = Buffer.alloc(5);
    expiry[0] = 0x02;
    expiry.writeUInt32BE(block.expirySeconds, 1);
    parts.push(expiry);
  }
  return Buffer.concat(parts);
}

function parse(bytes: Buffer): Block {
  const block: Block = { userProperties: [] };
  let at = 0;
  const take = (): Buffer => {
    const start = at + 2;
    at = start + bytes.readUInt16BE(at);
    return bytes.subarray(start, at);
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    if (id === 0x7f) block.exactTopic = take().toString();
    else if (id === 0x01) block.payloadFormat = bytes[at++] as number;
    else if (id === 0x02) {
      block.expirySeconds = bytes.readUInt32BE(at);
      at += 4;
    } else if (id === 0x03) block.contentType = take().toString();
    else if (id === 0x08) block.responseTopic = take().toString();
    else if (id === 0x09) block.correlationData = take().toString("hex");
    else if (id === 0x26) block.userProperties.push([take().toString(), take().toString()]);
    else throw new Error(`property ${id}`);
  }
  return block;
}

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !value.includes("\0"));
const carriedNames = ["content-encoding", "message-id", "type", "app-id", "cluster-id", "priority", "timestamp"].map(
  (name) => `amqp.${name}`,
);
const meaningfulNames = [
  ...carriedNames,
  "amqp.user-id",
  "x-mqtt-topic",
  "x-mqtt-qos",
  "x-mqtt-retain",
  "x-mqtt-payload-format",
  "x-correlation-id",
  "x-reply-to-topic",
  "mqtt.x-correlation-id",
  "mqtt.mqtt.x-mqtt-topic",
  "mqtt.other",
  "x-death",
];
const meaningfulValues = [
  "7",
  "007",
  "256",
  "18446744073709551615",
  "18446744073709551616",
  "utf-8",
  "true",
  "a.b",
  "[]",
  "[ ]",
  '[{"count":1,"reason":"expired","queue":"q"}]',
  "x".repeat(256),
];
const userProperty = fc.tuple(
  fc.oneof(text, fc.constantFrom(...meaningfulNames)),
  fc.oneof(text, fc.constantFrom(...meaningfulValues)),
);
const topic = fc
  .oneof(
    text.filter((value) => value !== ""),
    fc.constantFrom("a/b", "a.b/c", "a%2Bb", "/", "$reply-to/q", "$reply-to//topic/a.b", "$reply-to/a%2Bb", "/mqtt/a"),
    fc.tuple(fc.constantFrom("$reply-to/", "/topic/", "/mqtt/"), text).map(([prefix, rest]) => prefix + rest),
  )
  .map((value) => value.replaceAll("+", "-").replaceAll("#", "-"));
const data = fc.oneof(
  text.map((value) => Buffer.from(value).toString("hex")),
  fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value).toString("hex")),
  fc.constantFrom("61".repeat(255), "61".repeat(256), "00", "ff".repeat(300)),
);
const block: fc.Arbitrary<Block> = fc
  .record(
    {
      exactTopic: topic,
      payloadFormat: fc.nat(1),
      expirySeconds: fc.oneof(fc.nat(), fc.constant(0xff_ff_ff_ff)),
      contentType: text,
      responseTopic: topic,
      correlationData: data,
      userProperties: fc.array(userProperty, { maxLength: 8 }),
    },
    { requiredKeys: ["userProperties"] },
  )
  .map((value) => value as Block);

const valuesByName = (pairs: Block["userProperties"]): Map<string, string[]> => {
  const map = new Map<string, string[]>();
  for (const [name, value] of pairs) map.set(name, [...(map.get(name) ?? []), value]);
  return map;
};
const uncarried = (pairs: Block["userProperties"]): Block["userProperties"] =>
  pairs.filter(([name]) => !carriedNames.includes(name));

describe("properties of MQTT", () => {
  it.each([
    [0, "none"],
    [1, "retain"],
    [2, "retained"],
  ] as const)("come back from the neutral form as they were: QoS %i, %s", (qos, retain) => {
    const format = mqttFormat(qos, retain);
    fc.assert(
      fc.property(block, (sent) => {
        const got = parse(format.fromProperties(format.toProperties(native(sent))));
        const { userProperties: sentUser, ...sentRest } = sent;
        const { userProperties: gotUser, ...gotRest } = got;
        expect(gotRest).toEqual(sentRest);
        // Those of AMQP's properties stand before the others; within a name, and among the others, order is kept.
        expect(uncarried(gotUser)).toEqual(uncarried(sentUser));
        expect(valuesByName(gotUser)).toEqual(valuesByName(sentUser));
      }),
      { numRuns: 500 },
    );
  });

  it("are those that other protocols know", () => {
    const sent = native({
      payloadFormat: 1,
      expirySeconds: 60,
      contentType: "text/plain",
      responseTopic: "answers/7",
      correlationData: "633161",
      userProperties: [
        ["b", "1"],
        ["a", "2"],
        ["b", "3"],
        ["amqp.message-id", "m"],
        ["amqp.timestamp", "1700000000"],
        ["amqp.priority", "7"],
        ["amqp.user-id", "root"],
      ],
    });
    expect(decodeProperties(sent, 1, false)).toEqual({
      deliveryMode: 2,
      contentType: "text/plain",
      expiration: "60000",
      replyTo: "/topic/answers.7",
      correlationId: "c1a",
      messageId: "m",
      timestamp: 1_700_000_000n,
      priority: 7,
      headers: [
        ["x-mqtt-payload-format", string("utf-8")],
        ["b", string("1")],
        ["a", string("2")],
        ["b", string("3")],
        ["amqp.user-id", string("root")],
        ["x-reply-to-topic", string("answers.7")],
      ],
    });
  });

  it("tell QoS and RETAIN by the format", () => {
    expect(mqttFormat(0, "none").toProperties(Buffer.alloc(0))).toEqual({ deliveryMode: 1, headers: [] });
    expect(mqttFormat(1, "retain").toProperties(Buffer.alloc(0))).toEqual({
      deliveryMode: 2,
      headers: [["x-mqtt-retain", { kind: "boolean", value: true }]],
    });
    expect(mqttFormat(2, "none").toProperties(Buffer.alloc(0))).toEqual({
      deliveryMode: 2,
      headers: [["x-mqtt-qos", { kind: "uint8", value: 2 }]],
    });
  });

  it("do not tell a subscription identifier", () => {
    const sent = Buffer.concat([Buffer.of(0x0b, 0x80, 0x01), native({ contentType: "a", userProperties: [] })]);
    expect(decodeProperties(sent, 0, false)).toEqual({ deliveryMode: 1, contentType: "a", headers: [] });
  });

  it("keep correlation data that is no text as bytes", () => {
    const { headers } = decodeProperties(native({ correlationData: "ff00", userProperties: [] }), 0, false);
    expect(headers).toEqual([["x-correlation-id", { kind: "binary", value: Buffer.of(0xff, 0) }]]);
  });
});

describe("properties of other protocols as MQTT", () => {
  const encoded = (properties: Properties): Block => parse(encodeProperties(properties));

  it("are user properties where MQTT has none", () => {
    const properties: Properties = {
      contentType: "text/plain",
      contentEncoding: "gzip",
      deliveryMode: 2,
      priority: 9,
      correlationId: "c",
      replyTo: "amq.gen-a+b",
      expiration: "1500",
      messageId: "m",
      timestamp: 5n,
      type: "t",
      userId: "u",
      appId: "a",
      clusterId: "k",
      headers: [],
    };
    expect(encoded(properties)).toEqual({
      contentType: "text/plain",
      correlationData: "63",
      expirySeconds: 2,
      responseTopic: "$reply-to/amq.gen-a%2Bb",
      userProperties: [
        ["amqp.content-encoding", "gzip"],
        ["amqp.message-id", "m"],
        ["amqp.type", "t"],
        ["amqp.app-id", "a"],
        ["amqp.cluster-id", "k"],
        ["amqp.priority", "9"],
        ["amqp.timestamp", "5"],
        ["amqp.user-id", "u"],
      ],
    });
    const { userId: _, ...rest } = properties;
    expect(decodeProperties(encodeProperties(properties), 1, false)).toEqual({
      ...rest,
      expiration: "2000",
      headers: [
        ["x-reply-to-topic", string("$reply-to.amq.gen-a%2Bb")],
        ["amqp.user-id", string("u")],
      ],
    });
  });

  it("render headers of every type as text", () => {
    const headers: FieldTable = [
      ["flag", { kind: "boolean", value: true }],
      ["large", { kind: "int64", value: 9_007_199_254_740_993n }],
      ["double", { kind: "double", value: 0.5 }],
      ["time", { kind: "timestamp", value: 1_700_000_000n }],
      ["bytes", { kind: "binary", value: Buffer.from("hi") }],
      ["nothing", { kind: "void" }],
      ["list", { kind: "array", value: [string("a"), { kind: "int32", value: 1 }] }],
      ["zero", string("a\0b")],
    ];
    expect(encoded({ headers }).userProperties).toEqual([
      ["flag", "true"],
      ["large", "9007199254740993"],
      ["double", "0.5"],
      ["time", "1700000000"],
      ["bytes", "aGk="],
      ["nothing", ""],
      ["list", '["a",1]'],
      ["zero", "a\ufffdb"],
    ]);
  });

  it("come back as text, whatever the headers were", () => {
    const value: fc.Arbitrary<FieldValue> = fc.oneof(
      text.map(string),
      fc.boolean().map((flag): FieldValue => ({ kind: "boolean", value: flag })),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((wide): FieldValue => ({ kind: "int64", value: wide })),
      fc.double({ noNaN: true }).map((double): FieldValue => ({ kind: "double", value: double })),
      fc.constant<FieldValue>({ kind: "void" }),
    );
    const headers = fc.array(fc.tuple(text, value), { maxLength: 6 });
    fc.assert(
      fc.property(headers, (table) => {
        const shown = (one: FieldValue): string =>
          one.kind === "void" ? "" : String((one as { value: unknown }).value);
        const expected = table.map(([name, one]) => [name, string(shown(one))]);
        expect(decodeProperties(encodeProperties({ headers: table }), 0, false).headers).toEqual(expected);
      }),
    );
  });

  it("take back what only MQTT has", () => {
    const headers: FieldTable = [
      ["x-mqtt-payload-format", string("utf-8")],
      ["x-mqtt-retain", { kind: "boolean", value: true }],
      ["x-mqtt-qos", { kind: "uint8", value: 2 }],
      ["x-mqtt-topic", string("a.b/c")],
      ["x-correlation-id", { kind: "opaque-string", value: Buffer.of(0xff) }],
      ["x-reply-to-topic", string("answers.7")],
    ];
    expect(encoded({ headers })).toEqual({
      exactTopic: "a.b/c",
      payloadFormat: 1,
      correlationData: "ff",
      responseTopic: "answers/7",
      userProperties: [],
    });
  });

  it("never become a topic or a payload format that is none", () => {
    const headers: FieldTable = [
      ["x-mqtt-topic", string("a/#")],
      ["x-mqtt-payload-format", string("latin-1")],
    ];
    expect(encoded({ headers })).toEqual({ userProperties: [["x-mqtt-payload-format", "latin-1"]] });
  });

  it("cut text that is too long at a whole character, and leave out addresses and identifiers", () => {
    const long = `${"x".repeat(65_534)}äöü`;
    const properties = {
      correlationId: long,
      replyTo: long,
      headers: [[long, string(`${"😀".repeat(40_000)}`)]],
    } as const;
    const { userProperties, ...rest } = encoded(properties);
    expect(rest).toEqual({});
    expect(userProperties).toEqual([["x".repeat(65_534), "😀".repeat(16_383)]]);
  });

  it("are not mixed up with those of a message that could not be encoded", () => {
    const broken = { kind: "int64", value: null } as unknown as FieldValue;
    const nested: FieldValue = { kind: "array", value: [{ kind: "table", value: null } as unknown as FieldValue] };
    expect(() =>
      encodeProperties({
        contentType: "a",
        headers: [
          ["b", broken],
          ["c", nested],
        ],
      }),
    ).toThrow();
    expect(encoded({ messageId: "m" })).toEqual({ userProperties: [["amqp.message-id", "m"]] });
  });
});
