import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WebSocketDecoder, type WebSocketEnd } from "../src/web-socket-decoder.ts";

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface FrameParts {
  readonly fin?: boolean;
  readonly mask?: readonly number[] | null;
  /** Default: the shortest that fits. */
  readonly lengthBytes?: 0 | 2 | 8;
  readonly reserved?: number;
}

/** A client's frame (RFC 6455, 5.2). */
function clientFrame(opcode: number, payload: Uint8Array | string = "", parts: FrameParts = {}): Buffer {
  const { fin = true, mask = [0x11, 0x80, 0xff, 0x07], reserved = 0 } = parts;
  const bytes = Buffer.from(payload);
  const shortest = bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8;
  const { lengthBytes = shortest } = parts;
  const length = lengthBytes === 0 ? bytes.length : lengthBytes === 2 ? 126 : 127;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (fin ? 0x80 : 0) | reserved | opcode;
  head[1] = (mask === null ? 0 : 0x80) | length;
  if (lengthBytes === 2) head.writeUInt16BE(bytes.length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (mask === null) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, Buffer.from(mask), bytes.map((byte, index) => byte ^ Number(mask[index & 3]))]);
}

interface Decoded {
  readonly text: string;
  readonly kinds: readonly string[];
  readonly pings: readonly string[];
  readonly end: WebSocketEnd | null;
}

/** What comes out when `bytes` come in pieces that end at `cuts`. */
function decode(bytes: Buffer, cuts: readonly number[] = [], refusal = 0): Decoded {
  const kinds: string[] = [];
  const pings: string[] = [];
  const decoder = new WebSocketDecoder({
    onMessage: (isText) => {
      kinds.push(isText ? "text" : "binary");
      return refusal;
    },
    onPing: (payload) => pings.push(payload.toString()),
  });
  const out: Buffer[] = [];
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    out.push(decoder.decode(Buffer.from(bytes.subarray(start, end))));
    start = end;
  }
  return { text: Buffer.concat(out).toString(), kinds, pings, end: decoder.end };
}

const closeWith = (code: number, reason: Uint8Array | string = ""): Buffer =>
  clientFrame(opcodes.close, Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]));

describe("a stream of frames", () => {
  const bytes = Buffer.concat([
    clientFrame(opcodes.text, "grüße, "),
    clientFrame(opcodes.binary, "a", { fin: false, mask: [0, 0, 0, 0] }),
    clientFrame(opcodes.ping, "are you there"),
    clientFrame(opcodes.continuation, "", { fin: false }),
    clientFrame(opcodes.pong, "unasked"),
    clientFrame(opcodes.continuation, "b"),
    clientFrame(opcodes.text, "é".repeat(70), { lengthBytes: 8 }),
    clientFrame(opcodes.ping),
    closeWith(1000, "bye"),
    clientFrame(opcodes.binary, "nobody hears this"),
  ]);
  const expected: Decoded = {
    text: `grüße, ab${"é".repeat(70)}`,
    kinds: ["text", "binary", "text"],
    pings: ["are you there", ""],
    end: { kind: "closed", code: 1000 },
  };

  it("comes out the same wherever it is cut", () => {
    for (let cut = 0; cut <= bytes.length; cut++) expect(decode(bytes, [cut])).toEqual(expected);
    expect(decode(bytes, Array.from(bytes.keys()))).toEqual(expected);
  });

  it("of any lengths, masks and fragments comes out as it went in", () => {
    const fragment = fc.record({
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(125, 126, 65_535, 65_536).map((length) => Buffer.alloc(length, 0x5a)),
      ),
      mask: fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255))),
      pinged: fc.boolean(),
    });
    const messages = fc.array(fc.array(fragment, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(200_000), { maxLength: 5 }), (list, somewhere) => {
        const frames = list.flatMap((fragments) =>
          fragments.flatMap(({ payload, mask, pinged }, index) => [
            clientFrame(index === 0 ? opcodes.binary : opcodes.continuation, payload, {
              fin: index === fragments.length - 1,
              mask,
            }),
            ...(pinged ? [clientFrame(opcodes.ping, "x")] : []),
          ]),
        );
        const all = Buffer.concat(frames);
        const cuts = somewhere.map((cut) => cut % (all.length + 1)).sort((one, other) => one - other);
        const plain = Buffer.concat(list.flat().map(({ payload }) => payload));
        const { text, end } = decode(all, cuts);
        expect(end).toBeNull();
        expect(text).toBe(plain.toString());
      }),
      { numRuns: 60 },
    );
  });
});

describe("a client that breaks the rules is closed with its code:", () => {
  const text = (bytes: readonly number[], parts?: FrameParts) => clientFrame(opcodes.text, Buffer.from(bytes), parts);

  it.each<[what: string, bytes: Buffer, code: number]>([
    ["no mask", clientFrame(opcodes.binary, "a", { mask: null }), 1002],
    ["a reserved bit", clientFrame(opcodes.binary, "a", { reserved: 0x40 }), 1002],
    ["an opcode that is none", clientFrame(3, "a"), 1002],
    ["a control opcode that is none", clientFrame(11, "a"), 1002],
    ["a continuation of nothing", clientFrame(opcodes.continuation, "a"), 1002],
    [
      "a message within a message",
      Buffer.concat([clientFrame(opcodes.binary, "a", { fin: false }), clientFrame(opcodes.binary, "b")]),
      1002,
    ],
    ["a control frame in pieces", clientFrame(opcodes.ping, "a", { fin: false }), 1002],
    ["a long control frame", clientFrame(opcodes.ping, "a".repeat(126)), 1002],
    ["half a close code", clientFrame(opcodes.close, "a"), 1002],
    ["a close code that may not be sent", closeWith(1005), 1002],
    ["a close code that is none", closeWith(0), 1002],
    ["a close reason that is no text", closeWith(1000, Buffer.of(0xff)), 1007],
    ["text that is none", text([0x61, 0xff, 0x62]), 1007],
    ["text that ends within a character", text([0x61, 0xc3]), 1007],
    ["a surrogate", text([0xed, 0xa0, 0x80]), 1007],
    ["an overlong character", text([0xc0, 0xaf]), 1007],
    ["more bytes than there are numbers", Buffer.from("82ffffffffffffffffff00000000", "hex"), 1009],
  ])("%s", (_what, bytes, code) => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(decode(bytes, [cut]).end).toEqual({ kind: "failed", code });
    }
  });

  it("a message that is not wanted, and brings nothing of it", () => {
    const before = decode(clientFrame(opcodes.text, "hello"), [], 1003);
    expect(before).toMatchObject({ text: "", end: { kind: "failed", code: 1003 } });
  });
});

describe("text", () => {
  it("may be cut within a character, by frames and by the stream", () => {
    const bytes = Buffer.from("aé€😀z");
    for (let at = 0; at <= bytes.length; at++) {
      const frames = Buffer.concat([
        clientFrame(opcodes.text, bytes.subarray(0, at), { fin: false }),
        clientFrame(opcodes.continuation, bytes.subarray(at)),
      ]);
      for (let cut = 0; cut <= frames.length; cut++) {
        expect(decode(frames, [cut])).toMatchObject({ text: "aé€😀z", end: null });
      }
    }
  });
});
