import { Outbox, Turn } from "@jackalope/core/adapter";
import fc from "fast-check";
import { generate, type IPublishPacket, type Packet, type UserProperties } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import type { AcknowledgementType } from "../src/packet-types.ts";
import { writeAcknowledgement, writePacket } from "../src/packet-writer.ts";
import { encodePacket, type OutgoingPacket } from "../src/rare-packets.ts";
import type { Version } from "../src/version.ts";
import { connectOf } from "./packet-corpus.ts";
import { PacketRecorder, parsedFields, parseWhole } from "./packet-recorder.ts";

const versions = fc.constantFrom<Version>(3, 4, 5);
const packetIds = fc.integer({ min: 1, max: 0xff_ff });
/** Text as MQTT allows it: no NUL, no lone surrogates. */
const texts = fc.string({ unit: "grapheme", maxLength: 300 }).map((text) => text.toWellFormed().replaceAll("\0", ""));
const topics = texts.map((text) => text.replaceAll(/[+#]/g, "") || "t");
const bodies = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));

/** Only what is there: the generator does not like undefined. */
const publishProperties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.integer({ min: 0, max: 0xff_ff_ff_ff }),
    topicAlias: fc.integer({ min: 1, max: 0xff_ff }),
    responseTopic: topics,
    correlationData: bodies,
    contentType: texts,
    userProperties: fc.dictionary(texts, texts, { minKeys: 1 }) as fc.Arbitrary<UserProperties>,
  },
  { requiredKeys: [] },
);

const publishes: fc.Arbitrary<readonly [Version, IPublishPacket]> = fc
  .record({
    version: versions,
    qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    dup: fc.boolean(),
    retain: fc.boolean(),
    topic: topics,
    messageId: packetIds,
    payload: bodies,
    properties: publishProperties,
  })
  .map(({ version, properties, ...packet }) => [
    version,
    { cmd: "publish", ...packet, dup: packet.dup && packet.qos > 0, ...(version === 5 ? { properties } : {}) },
  ]);

/** An outbox whose bytes a test takes. */
class TakenOutbox {
  readonly outbox: Outbox;
  readonly #written: Buffer[] = [];

  constructor() {
    const target = { write: (bytes: Buffer): unknown => this.#written.push(Buffer.from(bytes)), destroy: () => {} };
    this.outbox = new Outbox(new Turn(), target, Number.POSITIVE_INFINITY, () => {});
  }

  take(): Buffer {
    this.outbox.flush();
    return Buffer.concat(this.#written.splice(0));
  }
}

describe("what mqtt-packet writes", () => {
  it("PUBLISH is read as it reads it", () => {
    fc.assert(
      fc.property(publishes, fc.nat(), ([version, packet], cut) => {
        const bytes = generate(packet, { protocolVersion: version });
        const at = cut % (bytes.length + 1);
        const recorder = new PacketRecorder().decode(connectOf[version], bytes.subarray(0, at), bytes.subarray(at));
        expect(recorder.packets[1]).toEqual(parseWhole(bytes, version));
        expect(recorder.packets[1]).toMatchObject({ topic: packet.topic, qos: packet.qos, dup: packet.dup });
      }),
      { numRuns: 1000 },
    );
  });

  it("acknowledgements are read as it reads them", () => {
    const kinds = fc.constantFrom(
      ["puback", [0, 0x10, 0x80, 0x97]],
      ["pubrec", [0, 0x10, 0x87, 0x91]],
      ["pubrel", [0, 0x92]],
      ["pubcomp", [0, 0x92]],
    ) as fc.Arbitrary<["puback", number[]]>;
    const reasons = fc.record({ reasonString: texts }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        versions,
        kinds,
        packetIds,
        fc.nat(),
        reasons,
        (version, [cmd, codes], messageId, pick, properties) => {
          const packet: Packet = { cmd, messageId, reasonCode: codes[pick % codes.length] as number };
          if (Object.keys(properties).length > 0) packet.properties = properties;
          const bytes = generate(packet, { protocolVersion: version });
          const { packets } = new PacketRecorder().decode(connectOf[version], bytes);
          expect(packets[1]).toEqual(parseWhole(bytes, version));
        },
      ),
    );
  });
});

describe("what we write", () => {
  it("acknowledgements are read by mqtt-packet, and by us, as they were meant", () => {
    const cmds = { 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp" } as const;
    const taken = new TakenOutbox();
    fc.assert(
      fc.property(
        versions,
        fc.constantFrom<AcknowledgementType>(4, 5, 6, 7),
        packetIds,
        fc.boolean(),
        fc.option(texts, { nil: "" }),
        (version, type, packetId, failed, reasonString) => {
          const reasonCode = failed ? (type < 6 ? 0x97 : 0x92) : 0;
          writeAcknowledgement(taken.outbox, type, packetId, version, reasonCode, reasonString);
          const bytes = taken.take();
          const expected = { cmd: cmds[type], messageId: packetId, reasonCode: version === 5 ? reasonCode : 0 };
          expect(parseWhole(bytes, version)).toEqual(expected);
          expect(new PacketRecorder().decode(connectOf[version], bytes).packets[1]).toEqual(expected);
        },
      ),
    );
  });

  it("an acknowledgement is as short as it can be", () => {
    const taken = new TakenOutbox();
    const cases: [Version, number, string, number, string][] = [
      [4, 0, "", 1000, "40020007"],
      [4, 0x87, "no", 1000, "40020007"],
      [5, 0, "", 1000, "40020007"],
      [5, 0x10, "", 1000, "4003000710"],
      [5, 0x87, "no", 1000, "4009000787051f00026e6f"],
      [5, 0x87, "no", 11, "4009000787051f00026e6f"],
      // [MQTT-3.4.2-2]
      [5, 0x87, "no", 10, "4003000787"],
    ];
    for (const [version, reasonCode, reasonString, packetBytesMax, hex] of cases) {
      writeAcknowledgement(taken.outbox, 4, 7, version, reasonCode, reasonString, packetBytesMax);
      expect(taken.take().toString("hex")).toBe(hex);
    }
    writeAcknowledgement(taken.outbox, 6, 0xff_fe, 5, 0);
    expect(taken.take().toString("hex")).toBe("6202fffe");
  });

  it("a reason string of any length keeps its lengths right", () => {
    const taken = new TakenOutbox();
    for (const textBytes of [120, 121, 122, 123, 124, 125, 126, 127, 128, 16_370, 16_384, 65_535]) {
      writeAcknowledgement(taken.outbox, 5, 7, 5, 0x97, "x".repeat(textBytes));
      const bytes = taken.take();
      expect(bytes.length).toBeGreaterThan(textBytes);
      expect(parseWhole(bytes, 5)).toEqual({ cmd: "pubrec", messageId: 7, reasonCode: 0x97 });
    }
    writeAcknowledgement(taken.outbox, 5, 7, 5, 0x97, "x".repeat(65_536));
    expect(taken.take().toString("hex")).toBe("5003000797");
  });

  it("the other packets are read by mqtt-packet as they were given", () => {
    const taken = new TakenOutbox();
    const packets: [Version, OutgoingPacket][] = [
      [3, { cmd: "connack", returnCode: 5, sessionPresent: false }],
      [4, { cmd: "connack", returnCode: 0, sessionPresent: true }],
      [
        5,
        {
          cmd: "connack",
          reasonCode: 0,
          sessionPresent: false,
          properties: { receiveMaximum: 9, topicAliasMaximum: 3 },
        },
      ],
      [4, { cmd: "suback", messageId: 7, granted: [0, 1, 2, 0x80] }],
      [5, { cmd: "suback", messageId: 7, granted: [0, 0x87], properties: { reasonString: "no" } }],
      [4, { cmd: "unsuback", messageId: 7, granted: [] }],
      [5, { cmd: "unsuback", messageId: 7, granted: [0, 0x11] }],
      [4, { cmd: "pingresp" }],
      [5, { cmd: "disconnect", reasonCode: 0x8e, properties: { reasonString: "somebody else" } }],
    ];
    for (const [version, packet] of packets) {
      expect(writePacket(taken.outbox, packet, version)).toBe(true);
      const bytes = taken.take();
      const fields: Record<string, unknown> = { ...packet };
      if (packet.cmd === "unsuback" && version < 5) delete fields.granted;
      expect(parseWhole(bytes, version)).toMatchObject(parsedFields(fields as unknown as Packet));
    }
  });

  it("a reason string that no packet can hold is left out", () => {
    const taken = new TakenOutbox();
    const properties = { reasonString: "x".repeat(65_536) };
    expect(writePacket(taken.outbox, { cmd: "disconnect", reasonCode: 0x87, properties }, 5)).toBe(true);
    expect(taken.take().toString("hex")).toBe("e0028700");
  });

  it("a packet that mqtt-packet silently does not write is an error", () => {
    const packet: OutgoingPacket = {
      cmd: "connack",
      reasonCode: 0,
      sessionPresent: false,
      properties: { userProperties: {} },
    };
    expect(() => encodePacket(packet, 5)).toThrow("connack");
    expect(() => encodePacket({ cmd: "suback", messageId: 7, granted: [] }, 4)).toThrow();
  });

  it("a packet leaves out what makes it too long for the client", () => {
    const taken = new TakenOutbox();
    const packet: OutgoingPacket = {
      cmd: "suback",
      messageId: 7,
      granted: [0x87],
      properties: { reasonString: "no such thing", userProperties: { name: "value" } },
    };
    const whole = encodePacket(packet, 5).length;
    const write = (packetBytesMax: number): unknown => {
      if (!writePacket(taken.outbox, packet, 5, packetBytesMax)) return "nothing";
      const { properties } = parseWhole(taken.take(), 5) as { properties?: object };
      return Object.keys(properties ?? {});
    };
    // [MQTT-3.9.2-1], [MQTT-3.9.2-2], [MQTT-3.1.2-24]
    expect(write(whole)).toEqual(["reasonString", "userProperties"]);
    expect(write(whole - 1)).toEqual(["userProperties"]);
    expect(write(6)).toEqual([]);
    expect(write(5)).toBe("nothing");
    expect(taken.take().length).toBe(0);
  });
});
