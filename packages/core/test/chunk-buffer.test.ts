import { describe, expect, it } from "vitest";
import { ChunkBuffer } from "../src/chunk-buffer.ts";

const text = (bytes: Buffer | null, end = bytes?.length): string | undefined => bytes?.subarray(0, end).toString();

describe("a chunk buffer", () => {
  it("joins what comes while something waits", () => {
    const input = new ChunkBuffer();
    input.push(Buffer.from("abc"));
    input.position = 2;
    input.push(Buffer.from("de"));
    expect(text(input.chunk)).toBe("cde");
    expect(input.position).toBe(0);
  });

  it("puts whole frames before everything that waits, wherever the next one is cut", () => {
    const next = Buffer.from("the next frame");
    for (let cut = 0; cut <= next.length; cut++) {
      const input = new ChunkBuffer();
      input.push(Buffer.from(next.subarray(0, cut)));
      input.keepRest();
      if (cut < next.length) input.push(Buffer.concat([Buffer.from("x"), next.subarray(cut)]));
      if (cut < next.length) input.position = 1;
      input.unread(Buffer.from("held "));
      expect(text(input.chunk)).toBe("held the next frame");
      expect(input).toMatchObject({ partial: null, position: 0 });
    }
  });

  it("keeps a copy of the rest, so that the chunk can go", () => {
    const input = new ChunkBuffer();
    const chunk = Buffer.from("abcde");
    input.push(chunk);
    input.position = 2;
    input.keepRest();
    chunk.fill(0);
    expect(input.chunk).toBeNull();
    expect(text(input.partial, input.partialBytes)).toBe("cde");
  });

  it("keeps nothing where nothing is left", () => {
    const input = new ChunkBuffer();
    input.push(Buffer.from("abc"));
    input.position = 3;
    input.keepRest();
    expect(input).toMatchObject({ chunk: null, partial: null });
  });

  it("gathers a frame wherever it is cut, and leaves what follows", () => {
    const frame = Buffer.from("a frame of twenty-six bytes");
    for (let cut = 1; cut < frame.length; cut++) {
      for (let second = cut; second <= frame.length; second++) {
        const input = new ChunkBuffer();
        input.push(Buffer.from(frame.subarray(0, cut)));
        input.keepRest();
        input.push(Buffer.from(frame.subarray(cut, second)));
        expect(input.fill(frame.length)).toBe(second === frame.length);
        if (second < frame.length) {
          expect(input.chunk).toBeNull();
          input.push(Buffer.concat([frame.subarray(second), Buffer.from("next")]));
          expect(input.fill(frame.length)).toBe(true);
          expect(text((input.chunk as Buffer).subarray(input.position))).toBe("next");
        }
        expect(text(input.partial, input.partialBytes)).toBe(frame.toString());
      }
    }
  });

  it("needs no chunk for what it has", () => {
    const input = new ChunkBuffer();
    input.push(Buffer.from("abcd"));
    input.keepRest();
    input.push(Buffer.from("e"));
    expect(input.fill(3)).toBe(true);
    expect(input).toMatchObject({ position: 0, partialBytes: 4 });
  });

  it("grows by what has come and up to the bound, not by what was promised", () => {
    const promisedBytes = 100_000;
    const input = new ChunkBuffer();
    input.push(Buffer.alloc(1));
    input.keepRest();
    const sizes = new Set<number>();
    for (let come = 1; come < promisedBytes; come++) {
      input.push(Buffer.alloc(1));
      expect(input.fill(promisedBytes)).toBe(come + 1 === promisedBytes);
      const { length } = input.partial as Buffer;
      expect(length).toBeLessThanOrEqual(Math.min(Math.max((come < 16_384 ? 4 : 2) * (come + 1), 2048), promisedBytes));
      sizes.add(length);
    }
    expect(sizes.size).toBeLessThan(10);
  });

  it("drops everything", () => {
    const input = new ChunkBuffer();
    input.push(Buffer.from("abc"));
    input.keepRest();
    input.push(Buffer.from("d"));
    input.drop();
    expect(input).toMatchObject({ chunk: null, partial: null });
  });
});
