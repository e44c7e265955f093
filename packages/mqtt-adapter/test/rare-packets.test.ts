import { describe, expect, it } from "vitest";
import { PacketDecoder } from "../src/codec.ts";
import type { ConnectPacket, RarePacket, UnsubscribePacket } from "../src/rare-packets.ts";
import { join, packet, properties, text } from "./packet-builder.ts";
import { connectOf } from "./packet-corpus.ts";

function decode(...chunks: readonly Buffer[]): RarePacket[] {
  const packets: RarePacket[] = [];
  const decoder = new PacketDecoder(1024 * 1024, {
    onPublish() {},
    onAcknowledgement() {},
    onPacket: (rare) => packets.push(rare),
  });
  for (const chunk of chunks) {
    decoder.push(chunk);
    decoder.run();
  }
  return packets;
}

describe("CONNECT", () => {
  const message = join(0x26, "b", "2", 0x01, 1, 0x26, "a", "1", 0x26, "b", "2");
  const willProperties = properties(0x26, "b", "2", 0x18, 0, 0, 0, 9, message.subarray(7));
  const bytes = packet(
    0x10,
    "MQTT",
    5,
    0xc6,
    0,
    60,
    properties(),
    "c",
    willProperties,
    "t",
    text(Buffer.of(1, 2)),
    "u",
    "p",
  );

  it("keeps the will's properties as they came, without the delay", () => {
    const [connect] = decode(bytes) as [ConnectPacket];
    expect(connect.willNative).toEqual(message);
    expect(connect.will?.properties?.willDelayInterval).toBe(9);
    expect((decode(connectOf[4]) as [ConnectPacket])[0].willNative.length).toBe(0);
  });

  it("does not stand in the memory that it came in", () => {
    const chunk = Buffer.from(bytes);
    const [connect] = decode(chunk) as [ConnectPacket];
    chunk.fill(0);
    expect(connect.will?.payload).toEqual(Buffer.of(1, 2));
    expect(connect.password).toEqual(Buffer.from("p"));
    expect(connect.willNative).toEqual(message);
  });

  it("of MQTT 3.1 without the fields that its flags announce has neither", () => {
    const [connect] = decode(packet(0x10, "MQIsdp", 3, 0xc2, 0, 60, "c")) as [ConnectPacket];
    expect(connect).toMatchObject({ protocolVersion: 3, clientId: "c", clean: true, keepalive: 60 });
    expect(connect.username).toBeUndefined();
    expect(connect.password).toBeUndefined();
  });
});

describe("text", () => {
  it("keeps a byte order mark", () => {
    // [MQTT-1.5.4-3]
    const [, subscribe] = decode(connectOf[4], packet(0x82, 0, 7, "\uFEFFa", 0));
    expect(subscribe).toMatchObject({ subscriptions: [{ topic: "\uFEFFa", qos: 0 }] });
  });

  it("names of user properties may be those of object members", () => {
    const block = properties(0x26, "__proto__", "1", 0x26, "constructor", "2");
    const [, unsubscribe] = decode(connectOf[5], packet(0xa2, 0, 7, block, "a")) as [ConnectPacket, UnsubscribePacket];
    expect(Object.keys(unsubscribe.properties?.userProperties ?? {})).toEqual(["__proto__", "constructor"]);
  });
});

describe("one parser for all connections", () => {
  it("is not upset by a packet that was refused before", () => {
    const filters = packet(0x82, 0, 7, properties(), "a", 0);
    for (const wrong of [packet(0x82, 0, 7), packet(0x82, 0, 7, properties(), "a", 0x30), packet(0xe0, 1)]) {
      expect(() => decode(connectOf[5], wrong)).toThrow();
      expect(decode(connectOf[5], filters)[1]).toMatchObject({ cmd: "subscribe", messageId: 7 });
      expect(decode(connectOf[4], packet(0x82, 0, 8, "b", 1))[1]).toMatchObject({
        subscriptions: [{ topic: "b", qos: 1 }],
      });
    }
  });
});
