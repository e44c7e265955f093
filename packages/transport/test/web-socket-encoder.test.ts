import { describe, expect, it } from "vitest";
import { closeFrame, encodeMessages, messageHeader, pongFrame } from "../src/web-socket-encoder.ts";

describe("frames of the server", () => {
  it.each([
    [0, "8100"],
    [125, "817d"],
    [126, "817e007e"],
    [65_535, "817effff"],
    [65_536, "817f0000000000010000"],
  ])("say a length of %i as shortly as they can", (length, head) => {
    const message = Buffer.alloc(length, 0x61);
    expect(messageHeader(message, false).toString("hex")).toBe(head);
    if (length > 0)
      expect(encodeMessages(message, [], false)).toEqual(Buffer.concat([Buffer.from(head, "hex"), message]));
  });

  it("are text where they can be, unless binary is wanted", () => {
    const bytes = Buffer.concat([Buffer.from("ab"), Buffer.of(0xff), Buffer.from("c")]);
    expect(encodeMessages(bytes, [2, 3, 4], false).toString("hex")).toBe("810261628201ff810163");
    expect(encodeMessages(bytes, [2], true).toString("hex")).toBe("820261628202ff63");
  });

  it("close with a code or without, and answer pings", () => {
    expect(closeFrame(1001).toString("hex")).toBe("880203e9");
    expect(closeFrame(0).toString("hex")).toBe("8800");
    expect(pongFrame(Buffer.from("hi")).toString("hex")).toBe("8a026869");
  });
});
