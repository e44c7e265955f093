import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameDecoder } from "../src/codec.ts";
import type { FrameHead } from "../src/frame-head.ts";
import { defaultStompLimits } from "../src/options.ts";
import { StompError } from "../src/stomp-error.ts";
import type { Version } from "../src/version.ts";
import { frame } from "./raw-client.ts";

interface Decoded {
  readonly command: string;
  readonly headers: [string, string][];
  readonly body: string;
}

interface DecodeOptions {
  readonly version?: Version;
  readonly limits?: Partial<typeof defaultStompLimits>;
  /** Teaches the template each SEND, as a session does. */
  readonly learn?: boolean;
  readonly stop?: boolean;
}

/** Decodes chunks to the end, with the frames as text. */
function decode(chunks: readonly Uint8Array[], options: DecodeOptions = {}): Decoded[] {
  const frames: Decoded[] = [];
  const limits = { ...defaultStompLimits, ...options.limits };
  const add = (head: FrameHead, bodyStart: number, bodyEnd: number): void => {
    const headers: [string, string][] = [];
    for (let line = 0; line < head.count; line++) headers.push([head.name(line), head.value(line)]);
    frames.push({ command: head.command, headers, body: head.bytes.toString("latin1", bodyStart, bodyEnd) });
  };
  const decoder: FrameDecoder = new FrameDecoder(limits.bodyBytesMax, limits, {
    onFrame(head, bodyStart, bodyEnd) {
      add(head, bodyStart, bodyEnd);
      if (options.learn === true && head.command === "SEND") decoder.template.learn(head, bodyStart, bodyStart);
      if (options.stop === true) decoder.stopped = true;
    },
    onRepeatedSend(template, bodyEnd) {
      // What the template found must be what reading line by line finds.
      decoder.head.read(template.bytes, template.start, bodyEnd, limits);
      expect(decoder.head.bodyStart).toBe(template.bodyStart);
      expect(decoder.head.contentLength).toBe(template.contentLength);
      add(decoder.head, template.bodyStart, bodyEnd);
    },
  });
  decoder.head.version = options.version ?? "1.2";
  for (const chunk of chunks) {
    decoder.push(Buffer.from(chunk));
    decoder.run();
    while (decoder.stopped) {
      decoder.stopped = false;
      decoder.run();
    }
  }
  return frames;
}

const send = frame("SEND", { destination: "/queue/q", "content-length": 5, receipt: "r1" }, "a\0b\0c");
const corpus: readonly (readonly [name: string, bytes: Buffer, count: number])[] = [
  ["a body with NULs", send, 1],
  ["no content-length", frame("SEND", { destination: "/queue/q" }, "body"), 1],
  ["no body", frame("SUBSCRIBE", { id: 0, destination: "/topic/a" }), 1],
  ["CR LF", Buffer.from("SEND\r\ndestination:/queue/q\r\ncontent-length:2\r\n\r\n\r\n\0"), 1],
  ["line ends between", Buffer.concat([Buffer.from("\n\r\n"), send, Buffer.from("\n\n\r\n"), send, Buffer.of(10)]), 2],
  ["several", Buffer.concat([send, frame("ACK", { id: "1@2" }), send, send]), 4],
  ["an empty body by length", frame("SEND", { destination: "/queue/q", "content-length": 0 }), 1],
  ["a long header", frame("SEND", { destination: `/queue/${"x".repeat(3000)}` }, "y".repeat(5000)), 1],
];

describe("FrameDecoder", () => {
  for (const [name, bytes, count] of corpus) {
    it(`gives the same frames wherever the bytes are cut: ${name}`, () => {
      const whole = decode([bytes]);
      expect(whole.length).toBe(count);
      for (const learn of [false, true]) {
        for (let cut = 0; cut <= bytes.length; cut++) {
          expect(decode([bytes.subarray(0, cut), bytes.subarray(cut)], { learn })).toEqual(whole);
        }
        const bytewise = Array.from(bytes, (byte) => Uint8Array.of(byte));
        expect(decode(bytewise, { learn })).toEqual(whole);
      }
    });
  }

  it("stops after the frame at hand and goes on later", () => {
    const bytes = Buffer.concat([send, send, send]);
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(decode([bytes.subarray(0, cut), bytes.subarray(cut)], { stop: true })).toHaveLength(3);
    }
  });

  it("reads what fast-check writes, in any pieces", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter((value) => !value.includes("\0"));
    const headers = fc.array(fc.tuple(text, text), { maxLength: 5 });
    const body = fc.uint8Array({ maxLength: 40 });
    const cuts = fc.array(fc.nat(200), { maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(headers, body), { minLength: 1, maxLength: 4 }),
        cuts,
        fc.boolean(),
        (all, at, learn) => {
          const escape = (value: string): string =>
            value.replace(
              /[\\:\n\r]/g,
              (one) => ({ "\\": "\\\\", ":": "\\c", "\n": "\\n", "\r": "\\r" })[one] as string,
            );
          const bytes = Buffer.concat(
            all.map(([lines, content]) => {
              const head = lines.map(([name, value]) => `x${escape(name)}:${escape(value)}\n`).join("");
              return Buffer.concat([
                Buffer.from(`SEND\n${head}content-length:${content.length}\n\n`),
                content,
                Buffer.of(0),
              ]);
            }),
          );
          const places = [0, ...at.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
          const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
          const expected = all.map(([lines, content]) => ({
            command: "SEND",
            headers: [
              ...lines.map(([name, value]): [string, string] => [`x${wellFormed(name)}`, wellFormed(value)]),
              ["content-length", String(content.length)],
            ],
            body: Buffer.from(content).toString("latin1"),
          }));
          expect(decode(chunks, { learn })).toEqual(expected);
        },
      ),
    );
  });

  it("undoes the escapes of each version, and of no other", () => {
    const escaped = frame("SEND", { a: "1\\c2\\n3\\\\4" });
    const value = (version: Version): string | undefined => decode([escaped], { version })[0]?.headers[0]?.[1];
    expect(value("1.0")).toBe("1\\c2\\n3\\\\4");
    expect(value("1.1")).toBe("1:2\n3\\4");
    expect(value("1.2")).toBe("1:2\n3\\4");
    expect(decode([frame("SEND", { a: "1\\r2" })])[0]?.headers[0]?.[1]).toBe("1\r2");
    expect(() => decode([frame("SEND", { a: "1\\r2" })], { version: "1.1" })).toThrow(StompError);
    expect(() => decode([frame("SEND", { a: "1\\t2" })])).toThrow('undefined escape "\\\\t"');
    expect(() => decode([frame("SEND", { a: "1\\" })])).toThrow("undefined escape");
  });

  it("keeps colons in a value and blanks around it, which 1.0 does not count", () => {
    const spaced = Buffer.from("SEND\na: b:c \n\n\0");
    expect(decode([spaced])[0]?.headers).toEqual([["a", " b:c "]]);
    expect(decode([spaced], { version: "1.0" })[0]?.headers).toEqual([["a", "b:c"]]);
  });

  const limits = { commandBytesMax: 32, headersMax: 3, headerBytesMax: 50, headBytesMax: 120, bodyBytesMax: 100 };
  const hostile: readonly (readonly [name: string, bytes: string, error: string])[] = [
    ["an unknown command", "HELLO\r\nhost: x\r\n\r\n", 'Could not interpret command "HELLO"'],
    ["HTTP", "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "an HTTP request on a port that speaks STOMP"],
    ["HTTP with a long path", `GET /${"a".repeat(99)}`, "an HTTP request on a port that speaks STOMP"],
    ["a lower case command", "send\n\n\0", 'Could not interpret command "send"'],
    ["TLS", "\x16\x03\x01\x02\0\x01\0", "a TLS handshake on a port that speaks plain STOMP"],
    ["TLS with a line feed", "\x16\x03\x01\n\0\x01\0", "a TLS handshake on a port that speaks plain STOMP"],
    ["an endless command", "A".repeat(100), "the command is too long"],
    ["a command of a megabyte", `${"A".repeat(1_000_000)}\n`, "the command is too long"],
    ["a NUL in the command", "SEN\0D\n\n\0", "Could not interpret"],
    ["a NUL in the headers", "SEND\na:b\0\n\n\0", "ends within its headers"],
    ["no empty line", "DISCONNECT\nreceipt:1\n\0", "ends within its headers"],
    ["a header without a colon", "SEND\nabc\n\n\0", "has no colon"],
    ["a header without a name", "SEND\n:abc\n\n\0", "has no name"],
    ["too many headers", `SEND\n${"a:b\n".repeat(4)}\n\0`, "more than 3 headers"],
    ["a long header", `SEND\na:${"b".repeat(60)}\n\n\0`, "a header is too large"],
    ["an endless header", `SEND\na:${"b".repeat(60)}`, "a header is too large"],
    ["a large head", `SEND\n${`a:${"b".repeat(45)}\n`.repeat(3)}\n\0`, "the headers are too large"],
    ["a large body by length", "SEND\ncontent-length:101\n\n", "more than 100 bytes"],
    ["a huge length", "SEND\ncontent-length:999999999999\n\n", "more than 100 bytes"],
    ["a large body without length", `SEND\n\n${"x".repeat(101)}\0`, "more than 100 bytes"],
    ["an endless body", `SEND\n\n${"x".repeat(102)}`, "more than 100 bytes"],
    ["a negative length", "SEND\ncontent-length:-1\n\n\0", "content-length is not a number"],
    ["a length in words", "SEND\ncontent-length:ten\n\n\0", "content-length is not a number"],
    ["an empty length", "SEND\ncontent-length:\n\n\0", "content-length is not a number"],
    ["a length of thirty digits", `SEND\ncontent-length:${"1".repeat(30)}\n\n\0`, "content-length is not a number"],
    ["a length that is too short", "SEND\ncontent-length:2\n\nabc\0", "no NUL behind the body"],
    ["a length that is too long", "SEND\ncontent-length:4\n\nabc\0SEND\n\n\0", "no NUL behind the body"],
    ["zeros", "\0\0\0\0", "ends within its headers"],
  ];
  for (const [name, text, error] of hostile) {
    it(`refuses ${name}, wherever it is cut`, () => {
      const bytes = Buffer.from(text, "latin1");
      expect(() => decode([bytes], { limits })).toThrow(error);
      const step = bytes.length > 1000 ? 99_991 : 1;
      for (let cut = 0; cut <= bytes.length; cut += step) {
        expect(() => decode([bytes.subarray(0, cut), bytes.subarray(cut)], { limits })).toThrow(StompError);
      }
    });
  }

  it("never throws anything but StompError, and never loses its head over random bytes", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "SEND\n",
        "ACK\n",
        "\n",
        "\r\n",
        "\0",
        "a:b\n",
        "content-length:3\n",
        "content-length:",
        "\\",
        ":",
      ),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(40), (pieces, cut) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        try {
          decode([bytes.subarray(0, cut), bytes.subarray(cut)], { limits, learn: true });
        } catch (error) {
          expect(error).toBeInstanceOf(StompError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("takes the first of repeated headers", () => {
    const bytes = Buffer.from("SEND\na:1\na:2\ncontent-length:1\ncontent-length:9\n\nx\0");
    let value: string | undefined;
    const decoder = new FrameDecoder(100, defaultStompLimits, {
      onFrame(head) {
        value = head.get(Buffer.from("a"));
        expect(head.contentLength).toBe(1);
        expect(head.repeats(1)).toBe(true);
        expect(head.repeats(0)).toBe(false);
      },
      onRepeatedSend() {},
    });
    decoder.push(bytes);
    decoder.run();
    expect(value).toBe("1");
  });
});

/** Lone surrogates do not survive UTF-8. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
