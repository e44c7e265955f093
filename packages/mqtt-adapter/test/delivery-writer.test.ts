import { Message, Outbox, Route, Turn } from "@jackalope/core/adapter";
import { FakeClock } from "@jackalope/testkit";
import fc from "fast-check";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { DeliveryWriter } from "../src/delivery-writer.ts";
import { mqttFormat } from "../src/mapping.ts";
import { encodeProperties } from "../src/property-codec.ts";

interface WriterOptions {
  readonly version?: 4 | 5;
  readonly packetBytesMax?: number;
  readonly topicAliasMaximum?: number;
  readonly clock?: FakeClock;
}

/** A writer and the bytes that it has written. */
class Written {
  readonly writer: DeliveryWriter;
  readonly #version: 4 | 5;
  readonly #turn = new Turn();
  readonly #chunks: Buffer[] = [];

  constructor(options: WriterOptions = {}) {
    const { version = 5, packetBytesMax = Number.POSITIVE_INFINITY, topicAliasMaximum = 0 } = options;
    const target = {
      write: (bytes: Buffer, done: () => void) => this.#take(bytes, done),
      destroy: () => {},
    };
    const outbox = new Outbox(this.#turn, target, 1 << 30, () => undefined);
    const clock = options.clock ?? new FakeClock();
    this.#version = version;
    this.writer = new DeliveryWriter(outbox, clock, version === 5, packetBytesMax, topicAliasMaximum);
  }

  #take(bytes: Buffer, done: () => void): void {
    this.#chunks.push(Buffer.from(bytes));
    done();
  }

  bytes(): Buffer {
    this.#turn.end();
    return Buffer.concat(this.#chunks.splice(0));
  }

  packets(): IPublishPacket[] {
    const found: IPublishPacket[] = [];
    const reader = parser({ protocolVersion: this.#version });
    reader.on("packet", (packet: Packet) => found.push(packet as IPublishPacket));
    const bytes = this.bytes();
    const rest = reader.parse(bytes);
    if (rest !== 0) throw new Error(`${rest} bytes are no packet`);
    return found;
  }
}

const noBytes = Buffer.alloc(0);

/** A message as it stands in a packet, with bytes of others around it. */
function message(key: string, native: Uint8Array, body: Uint8Array, qos: 0 | 1 | 2 = 0): Message {
  const bytes = Buffer.concat([Buffer.from("before"), native, body, Buffer.from("behind")]);
  const nativeEnd = 6 + native.length;
  const format = mqttFormat(qos, "none");
  return new Message(new Route("amq.topic", key), format, bytes, 6, nativeEnd, nativeEnd, nativeEnd + body.length);
}

const bodyBytes = fc.oneof(
  fc.nat(300),
  fc.constantFrom(117, 118, 119, 120, 16_370, 16_373, 16_374, 16_375, 16_376, 16_380, 2_097_140, 2_097_145, 2_097_150),
);
const publishes = fc.record({
  topic: fc.stringMatching(/^[a-z/]{1,20}$/),
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  dup: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  bodyBytes,
  contentType: fc.option(fc.string({ maxLength: 200 }).filter((text) => !/[\0\ud800-\udfff]/u.test(text))),
  identifier: fc.option(fc.integer({ min: 1, max: 127 })),
});

describe.each([4, 5] as const)("a packet of level %i", (version) => {
  it("is byte for byte what mqtt-packet writes", () => {
    const written = new Written({ version });
    fc.assert(
      fc.property(publishes, (given) => {
        const { topic, qos, retain, messageId, contentType, identifier } = given;
        const dup = given.dup && qos > 0;
        const payload = Buffer.alloc(given.bodyBytes, "x");
        const native = contentType === null ? Buffer.alloc(0) : encodeProperties({ contentType });
        const identifiers = identifier === null ? null : Buffer.of(0x0b, identifier);
        const made = message(topic.replaceAll("/", "."), native, payload, qos);
        expect(written.writer.write(made, qos, retain, dup, qos === 0 ? 0 : messageId, identifiers)).toBe(true);
        const properties =
          version === 4
            ? {}
            : {
                properties: {
                  ...(identifier === null ? {} : { subscriptionIdentifier: identifier }),
                  ...(contentType === null ? {} : { contentType }),
                },
              };
        const expected = { cmd: "publish", topic, payload, qos, retain, dup, messageId, ...properties } as const;
        const found = written.bytes();
        const reference = generate(expected, { protocolVersion: version });
        // mqtt-packet writes properties in an order of its own, so it reads both.
        if (version === 4 || contentType === null || identifier === null) expect(found.equals(reference)).toBe(true);
        else expect(found.length).toBe(reference.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the largest packet", () => {
  it("writes nothing where the key makes a topic that no packet holds", () => {
    const written = new Written();
    expect(written.writer.write(message("+".repeat(60_000), noBytes, noBytes), 0, false, false, 0, null)).toBe(false);
    expect(written.bytes()).toHaveLength(0);
    expect(written.writer.write(message("+".repeat(21_845), noBytes, noBytes), 0, false, false, 0, null)).toBe(true);
    expect(written.packets()[0]?.topic).toBe("%2B".repeat(21_845));
  });

  it.each([4, 5] as const)("is one of exactly the client's size, level %i", (version) => {
    for (const size of [20, 127, 128, 129, 130, 131, 1000]) {
      for (let bodySize = size - 12; bodySize <= size; bodySize++) {
        const written = new Written({ version, packetBytesMax: size });
        const fits = written.writer.write(
          message("t", Buffer.alloc(0), Buffer.alloc(bodySize)),
          1,
          false,
          false,
          1,
          null,
        );
        const whole = generate(
          {
            cmd: "publish",
            topic: "t",
            payload: Buffer.alloc(bodySize),
            qos: 1,
            dup: false,
            retain: false,
            messageId: 1,
          },
          { protocolVersion: version },
        );
        expect(fits).toBe(whole.length <= size);
        expect(written.bytes().length).toBe(fits ? whole.length : 0);
      }
    }
  });

  it("sets no alias that the client would not hear of", () => {
    const written = new Written({ packetBytesMax: 30, topicAliasMaximum: 5 });
    const nothing = Buffer.alloc(0);
    const topic = "long.topic";
    const send = (bodySize: number): boolean =>
      written.writer.write(message(topic, nothing, Buffer.alloc(bodySize)), 0, false, false, 0, null);
    // 1 + 1 + 12 + 1 and the body; three more with the alias, ten less with nothing but the alias.
    expect([send(16), send(15), send(12), send(22), send(23)]).toEqual([false, true, true, true, false]);
    const found = written.packets().map(({ topic: name, properties }) => [name, properties?.topicAlias]);
    expect(found).toEqual([
      ["long/topic", undefined],
      ["long/topic", 1],
      ["", 1],
    ]);
  });
});

describe("message expiry", () => {
  it("is rewritten wherever it stands among the properties, and only where the message has waited", () => {
    const clock = new FakeClock();
    const native = encodeProperties({
      contentType: "x",
      correlationId: "\u0002\u0002",
      expiration: "30000",
      headers: [["\u0002", { kind: "string", value: "\u0002\u0000" }]],
    });
    const made = message("t", native, Buffer.from("body"));
    made.expirationMs = 30_000;
    const written = new Written({ clock });
    const remaining = (): number | undefined => {
      written.writer.write(made, 0, false, false, 0, Buffer.of(0x0b, 0x82, 0x02));
      return written.packets()[0]?.properties?.messageExpiryInterval;
    };
    expect(remaining()).toBe(30);
    made.publishedAtMs = clock.nowMs();
    clock.advance(1);
    expect(remaining()).toBe(30);
    clock.advance(28_999);
    expect(remaining()).toBe(1);
    clock.advance(5000);
    expect(remaining()).toBe(0);
  });
});

describe("properties of other protocols", () => {
  it("are converted once for a message and its like", () => {
    let conversions = 0;
    const foreign = {
      id: "counting",
      toProperties(native: Uint8Array) {
        conversions++;
        return { contentType: Buffer.from(native).toString() };
      },
      fromProperties: () => Buffer.alloc(0),
    };
    const written = new Written();
    const send = (type: string): void => {
      const native = Buffer.from(type);
      const made = new Message(new Route("x", "k"), foreign, native, 0, native.length, native.length, native.length);
      written.writer.write(made, 0, false, false, 0, null);
    };
    for (const type of ["text/a", "text/a", "text/b", "text/a"]) send(type);
    expect(written.packets().map(({ properties }) => properties?.contentType)).toEqual([
      "text/a",
      "text/a",
      "text/b",
      "text/a",
    ]);
    expect(conversions).toBe(3);
  });
});
