import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameDecoder } from "../src/codec.ts";
import { frame } from "./raw-client.ts";

interface Seen {
  readonly type: number;
  readonly channel: number;
  readonly payload: string;
}

/** Feeds chunks as a connection does and notes the frames. */
function decode(chunks: readonly Buffer[], frameBytesMax = 4096): Seen[] {
  const seen: Seen[] = [];
  const decoder = new FrameDecoder(frameBytesMax, {
    onFrame(type, channel, bytes, start, end) {
      seen.push({ type, channel, payload: bytes.toString("latin1", start, end) });
    },
  });
  for (const chunk of chunks) {
    decoder.push(chunk);
    decoder.run();
  }
  return seen;
}

const stream = Buffer.concat([
  frame(1, 1, Buffer.from("first")),
  frame(8, 0, Buffer.alloc(0)),
  frame(3, 0xfffe, Buffer.alloc(3000, 0x78)),
  frame(2, 7, Buffer.from([0xce, 0, 0xce])),
]);
const whole = decode([stream]);

describe("frames", () => {
  it("are cut from one chunk in place", () => {
    expect(whole.map(({ type, channel, payload }) => [type, channel, payload.length])).toEqual([
      [1, 1, 5],
      [8, 0, 0],
      [3, 0xfffe, 3000],
      [2, 7, 3],
    ]);
  });

  it("are the same wherever the stream is cut", () => {
    for (let cut = 0; cut <= stream.length; cut++)
      expect(decode([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(whole);
  });

  it("are the same in chunks of any sizes, single bytes too", () => {
    expect(decode([...stream].map((byte) => Buffer.of(byte)))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 })), (sizes) => {
        const chunks: Buffer[] = [];
        let from = 0;
        for (const size of sizes) {
          chunks.push(stream.subarray(from, from + size));
          from += size;
        }
        chunks.push(stream.subarray(from));
        expect(decode(chunks)).toEqual(whole);
      }),
    );
  });

  it("wait while the decoder is stopped, at every frame and every cut", () => {
    for (let cut = 0; cut <= stream.length; cut += 7) {
      const seen: string[] = [];
      const decoder: FrameDecoder = new FrameDecoder(4096, {
        onFrame(_type, _channel, bytes, start, end) {
          seen.push(bytes.toString("latin1", start, end));
          decoder.stopped = true;
        },
      });
      decoder.push(stream.subarray(0, cut));
      decoder.run();
      decoder.push(stream.subarray(cut));
      for (let turn = 1; turn <= 6; turn++) {
        decoder.stopped = false;
        decoder.run();
      }
      expect(seen).toEqual(whole.map((one) => one.payload));
    }
  });

  it("go on behind one whose handler threw", () => {
    const seen: number[] = [];
    const decoder = new FrameDecoder(4096, {
      onFrame(type) {
        seen.push(type);
        if (type === 1) throw new Error("refused");
      },
    });
    decoder.push(stream);
    expect(() => decoder.run()).toThrow("refused");
    decoder.run();
    expect(seen).toEqual([1, 8, 3, 2]);
    expect(decoder.hasRest).toBe(false);
  });

  it("larger than negotiated are refused by their header alone", () => {
    const large = frame(3, 1, Buffer.alloc(4089));
    const text = "type 3, all octets = <<>>: {frame_too_large,4089,4088}";
    for (let cut = 0; cut <= 7; cut++)
      expect(() => decode([large.subarray(0, cut), large.subarray(cut, 7)])).toThrow(text);
    expect(decode([frame(3, 1, Buffer.alloc(4088))])).toHaveLength(1);
  });

  it("with a wrong end are refused at every cut", () => {
    const wrong = frame(1, 1, Buffer.from([0, 20, 0, 10, 0]), 0);
    const text = "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}";
    for (let cut = 0; cut <= wrong.length; cut++)
      expect(() => decode([wrong.subarray(0, cut), wrong.subarray(cut)])).toThrow(text);
    const long = frame(1, 1, Buffer.from("seventeen letters"), 1);
    expect(() => decode([long])).toThrow(
      'type 1, first 16 octets = <<"seventeen letter">>: {invalid_frame_end_marker,1}',
    );
  });
});
