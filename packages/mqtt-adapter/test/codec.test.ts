import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketDecoder } from "../src/codec.ts";
import { MqttError } from "../src/mqtt-error.ts";
import type { Version } from "../src/version.ts";
import { join, packet } from "./packet-builder.ts";
import { type CorpusPacket, connectCorpus, connectOf, packetCorpus } from "./packet-corpus.ts";
import { type Fields, PacketRecorder, parseWhole } from "./packet-recorder.ts";

const versions: readonly Version[] = [3, 4, 5];

/** What the decoder throws, as a test compares it. */
function refusal(run: () => unknown): readonly [number, string] | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof MqttError) return [error.reasonCode, error.clause];
    throw error;
  }
}

/** The stream that a corpus packet stands in: packets before CONNECT are none. */
function streamOf(entry: CorpusPacket): Buffer {
  return connectCorpus.includes(entry) ? entry.bytes : Buffer.concat([connectOf[entry.version], entry.bytes]);
}

const corpus: readonly CorpusPacket[] = [...connectCorpus, ...packetCorpus];
const accepted = corpus.filter(({ refused }) => refused === undefined);
const refused = corpus.filter((entry) => entry.refused !== undefined);

describe("packets that the specification allows", () => {
  it.each(accepted)("$name", ({ parser, clause, ...entry }) => {
    const packets = new PacketRecorder().decode(
      streamOf(corpus.find(({ name }) => name === entry.name) ?? entry),
    ).packets;
    const parsed = parseWhole(entry.bytes, entry.version);
    if (parser === "refuses") {
      expect(parsed).toBeNull();
      expect(clause).toBeDefined();
    } else expect(packets.at(-1)).toEqual(parsed);
    expect(packets).toHaveLength(connectCorpus.some(({ name }) => name === entry.name) ? 1 : 2);
  });
});

describe("packets that it forbids", () => {
  it.each(refused)("$name: $refused", (entry) => {
    const recorder = new PacketRecorder();
    expect(refusal(() => recorder.decode(streamOf(entry)))).toEqual(entry.refused);
    expect(recorder.decoder.version).toBe(entry.version);
    const parsed = parseWhole(entry.bytes, entry.version);
    if (entry.parser === "accepts") expect(parsed).not.toBeNull();
    else expect(parsed).toBeNull();
  });

  it("the level of a CONNECT is known once it could be read, also one that is not spoken", () => {
    for (const [bytes, known] of [
      [packet(0x10, "MQTT", 6, 2, 0, 0), true],
      [packet(0x10, "HTTP", 6, 2, 0, 0), true],
      [packet(0x10, "MQTT"), false],
      [Buffer.from("GET / HTTP/1.1\r\n"), false],
    ] as const) {
      const recorder = new PacketRecorder();
      expect(refusal(() => recorder.decode(bytes))).not.toBeNull();
      expect(recorder.decoder.levelKnown).toBe(known);
    }
  });
});

describe("a stream", () => {
  const streams = versions.map((version) => ({
    version,
    bytes: Buffer.concat([
      connectOf[version],
      ...packetCorpus
        .filter((entry) => entry.version === version && entry.refused === undefined && entry.bytes.length < 1000)
        .map(({ bytes }) => bytes),
    ]),
  }));
  const whole = new Map<Version, readonly Fields[]>(
    streams.map(({ version, bytes }) => [version, new PacketRecorder().decode(bytes).packets]),
  );

  it.each(streams)("of version $version is cut at every byte", ({ version, bytes }) => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { packets } = new PacketRecorder().decode(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(packets).toEqual(whole.get(version));
    }
  });

  it.each(streams)("of version $version comes byte by byte", ({ version, bytes }) => {
    for (const pausing of [false, true]) {
      const recorder = new PacketRecorder(1024, pausing);
      recorder.decode(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
      expect(recorder.packets).toEqual(whole.get(version));
      expect(recorder.decoder.hasRest).toBe(false);
    }
  });

  it.each(refused)("is refused wherever it is cut: $name", (entry) => {
    const stream = streamOf(entry);
    for (let cut = 0; cut <= stream.length; cut++) {
      const recorder = new PacketRecorder();
      expect(refusal(() => recorder.decode(stream.subarray(0, cut), stream.subarray(cut)))).toEqual(entry.refused);
    }
  });

  it("waits, when stopped, with what came and what comes", () => {
    const recorder = new PacketRecorder(1024, true);
    const publish = packet(0x30, "a", Buffer.from("1"));
    recorder.decoder.push(Buffer.concat([connectOf[4], publish, publish.subarray(0, 3)]));
    recorder.decoder.run();
    expect(recorder.packets).toHaveLength(1);
    expect(recorder.decoder.hasRest).toBe(true);
    recorder.decoder.push(Buffer.concat([publish.subarray(3), publish]));
    recorder.decoder.run();
    expect(recorder.packets).toHaveLength(1);
    for (const count of [2, 3, 4]) {
      recorder.decoder.stopped = false;
      recorder.decoder.run();
      expect(recorder.packets).toHaveLength(count);
    }
    expect(recorder.decoder.hasRest).toBe(false);
  });

  it("is not followed once the handler has dropped it", () => {
    let count = 0;
    const decoder: PacketDecoder = new PacketDecoder(1024, {
      onPublish() {},
      onAcknowledgement() {},
      onPacket() {
        count++;
        if (count === 2) decoder.drop();
      },
    });
    decoder.push(Buffer.concat([connectOf[4], packet(0xc0), packet(0xc0), packet(0xc0)]));
    decoder.run();
    expect(count).toBe(2);
    expect(decoder.hasRest).toBe(false);
  });

  it("goes on behind a packet whose handler threw", () => {
    let count = 0;
    const decoder = new PacketDecoder(1024, {
      onPublish() {},
      onAcknowledgement() {},
      onPacket() {
        count++;
        if (count === 2) throw new Error("refused");
      },
    });
    decoder.push(Buffer.concat([connectOf[4], packet(0xc0), packet(0xc0)]));
    expect(() => decoder.run()).toThrow("refused");
    decoder.run();
    expect(count).toBe(3);
  });

  it("lets go of its bytes", () => {
    const recorder = new PacketRecorder().decode(connectOf[4], packet(0x30, "a"));
    expect(recorder.decoder.publish.bytes.length).toBeGreaterThan(0);
    recorder.decoder.release();
    expect(recorder.decoder.publish.bytes.length).toBe(0);
  });
});

describe("sizes", () => {
  it("a packet of the largest size is taken, one byte more is refused before it has come", () => {
    for (const bodyBytes of [50, 200, 20_000]) {
      const largest = packet(0x30, "a", Buffer.alloc(bodyBytes));
      const header = largest.subarray(0, largest.length - bodyBytes);
      const one = new PacketRecorder(largest.length).decode(connectOf[4], largest);
      expect(one.packets).toHaveLength(2);
      for (const chunks of [[header], Array.from(header, (byte) => Uint8Array.of(byte)), [largest]]) {
        const recorder = new PacketRecorder(largest.length - 1);
        expect(refusal(() => recorder.decode(connectOf[4], ...chunks))).toEqual([0x95, "MQTT-3.2.2-15"]);
      }
    }
  });

  it("a CONNECT that promises much is refused by its first bytes", () => {
    const recorder = new PacketRecorder(64);
    expect(refusal(() => recorder.decode(Buffer.of(0x10, 0xff, 0xff, 0xff, 0x7f)))).toEqual([0x95, "MQTT-3.2.2-15"]);
  });

  it("what is no CONNECT is refused by its first byte", () => {
    expect(refusal(() => new PacketRecorder(64).decode(Buffer.of(0x47)))).toEqual([0x82, "MQTT-3.1.0-1"]);
    // TLS to a plain port
    expect(refusal(() => new PacketRecorder(64).decode(Buffer.of(0x16)))).toEqual([0x81, "MQTT-2.1.3-1"]);
  });

  it.each([
    ["TLS", "\x16\x03\x01\x02\0\x01\0", "a TLS handshake on a port that speaks plain MQTT"],
    ["HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "an HTTP request on a port that speaks MQTT"],
    ["a packet", "\xc0\0", "the first packet is no CONNECT"],
    ["flags of CONNECT", "\x13\0", "reserved flags of CONNECT are set"],
  ])("%s in place of CONNECT is named", (_name, text, named) => {
    const bytes = Buffer.from(text, "latin1");
    expect(() => new PacketRecorder(128).decode(bytes)).toThrow(named);
    const [first, second] = [bytes.subarray(0, 1), bytes.subarray(1)];
    expect(() => new PacketRecorder(128).decode(first, second)).toThrow();
  });

  it("a packet that is promised and does not come takes memory for what came", () => {
    const before = process.memoryUsage().arrayBuffers;
    const recorders = Array.from({ length: 64 }, () => {
      const recorder = new PacketRecorder(0xff_ff_ff_ff);
      // 256 MiB are promised, 10,000 bytes come.
      return recorder.decode(connectOf[4], Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f), Buffer.alloc(10_000));
    });
    const grown = process.memoryUsage().arrayBuffers - before;
    expect(recorders).toHaveLength(64);
    expect(grown).toBeLessThan(64 * 64 * 1024);
  });

  it("filters and properties of one packet are bounded", () => {
    const filters = Array.from({ length: 16_385 }, () => join("a", 0));
    const recorder = new PacketRecorder().decode(connectOf[4]);
    expect(refusal(() => recorder.decode(packet(0x82, 0, 7, ...filters)))).toEqual([0x97, "4.13"]);
    const pairs = Array.from({ length: 4097 }, () => join(0x26, "", ""));
    const block = Buffer.concat(pairs);
    const length = Buffer.of((block.length & 0x7f) | 0x80, (block.length >> 7) | 0x80, block.length >> 14);
    const other = new PacketRecorder().decode(connectOf[5]);
    expect(refusal(() => other.decode(packet(0xe0, 0, length, block)))).toEqual([0x97, "2.2.2.2"]);
  });
});

describe("garbage", () => {
  /** Bytes that are mostly packets, broken here and there. */
  const mutated = fc
    .record({
      entries: fc.array(fc.constantFrom(...corpus), { minLength: 1, maxLength: 4 }),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
    })
    .map(({ entries, changes }) => {
      const bytes = Buffer.concat(entries.map(({ bytes }) => bytes));
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes;
    });

  it.each(versions)("behind CONNECT %i raises nothing but MqttError", (version) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), fc.nat(), (bytes, cut) => {
        const at = bytes.length === 0 ? 0 : cut % bytes.length;
        const recorder = new PacketRecorder(4096);
        refusal(() => recorder.decode(connectOf[version], bytes.subarray(0, at), bytes.subarray(at)));
      }),
      { numRuns: 3000 },
    );
  });

  it("instead of CONNECT raises nothing but MqttError", () => {
    const connects = fc.constantFrom(...connectCorpus);
    const broken = fc.tuple(connects, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(broken, ([{ bytes }, changes]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        refusal(() => new PacketRecorder(4096).decode(copy));
      }),
      { numRuns: 3000 },
    );
  });
});
