import type { FieldTable, FieldValue, Properties } from "@jackalope/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeaders, encodeHeaders } from "../src/header-properties.ts";

const native = (text: string): Buffer => Buffer.from(text);
const encoded = (properties: Properties): string => encodeHeaders(properties).toString();
const string = (value: string): FieldValue => ({ kind: "string", value });

describe("decodeHeaders", () => {
  it("knows every property by its header", () => {
    const text =
      "content-type:text/plain\ncontent-encoding:gzip\ncorrelation-id:c\\c1\nexpiration:1000\namqp-message-id:m\n" +
      "type:t\nuser-id:u\napp-id:a\npersistent:true\npriority:7\ntimestamp:1700000000\nreply-to:/queue/r\nfoo:b\\nar\n";
    expect(decodeHeaders(native(text))).toEqual({
      contentType: "text/plain",
      contentEncoding: "gzip",
      correlationId: "c:1",
      expiration: "1000",
      messageId: "m",
      type: "t",
      userId: "u",
      appId: "a",
      deliveryMode: 2,
      priority: 7,
      timestamp: 1_700_000_000n,
      replyTo: "/queue/r",
      headers: [["foo", string("b\nar")]],
    });
  });

  it("leaves the delivery mode unset without persistent:true", () => {
    expect(decodeHeaders(native("persistent:false\n"))).toEqual({ headers: [] });
    expect(decodeHeaders(native(""))).toEqual({ headers: [] });
  });

  it("shortens a reply queue to the queue's name, which is what AMQP clients reply to", () => {
    expect(decodeHeaders(native("reply-to:/reply-queue/amq.gen-1\n"))).toEqual({ replyTo: "amq.gen-1", headers: [] });
  });

  it("keeps what is no number as a header", () => {
    const headers = [
      ["priority", string("high")],
      ["timestamp", string("now")],
    ];
    expect(decodeHeaders(native("priority:high\ntimestamp:now\n"))).toEqual({ headers });
  });
});

describe("encodeHeaders", () => {
  it("renders every kind of value as text", () => {
    const headers: FieldTable = [
      ["flag", { kind: "boolean", value: true }],
      ["small", { kind: "int8", value: -3 }],
      ["large", { kind: "int64", value: 9_007_199_254_740_993n }],
      ["double", { kind: "double", value: 0.5 }],
      ["decimal", { kind: "decimal", scale: 2, value: 5 }],
      ["time", { kind: "timestamp", value: 1_700_000_000n }],
      ["bytes", { kind: "binary", value: Buffer.from("hi") }],
      ["opaque", { kind: "opaque-string", value: Buffer.of(0xff) }],
      ["nothing", { kind: "void" }],
      ["list", { kind: "array", value: [string("a"), { kind: "int32", value: 1 }, { kind: "void" }] }],
      ["table", { kind: "table", value: [["__proto__", { kind: "int64", value: 2n }]] }],
    ];
    expect(encoded({ headers })).toBe(
      "flag:true\nsmall:-3\nlarge:9007199254740993\ndouble:0.5\ndecimal:0.05\ntime:1700000000\nbytes:aGk=\nopaque:/w==\n" +
        'nothing:\nlist:["a",1,null]\ntable:{"__proto__"\\c2}\n',
    );
  });

  it("leaves transient messages unmarked and turns queue names into destinations", () => {
    expect(encoded({ deliveryMode: 1, replyTo: "amq.gen-1" })).toBe("reply-to:/reply-queue/amq.gen-1\n");
    expect(encoded({ deliveryMode: 2, replyTo: "/topic/a" })).toBe("persistent:true\nreply-to:/topic/a\n");
  });

  it("lets nobody forge the headers of a MESSAGE, or make lines of its own", () => {
    const headers: FieldTable = [
      ["content-length", string("1")],
      ["subscription", string("0")],
      ["message-id", string("x")],
      ["destination", string("/queue/x")],
      ["a\nb", string("c\r\n\0d")],
    ];
    expect(encoded({ headers })).toBe("a\\nb:c\\r\\n\ufffdd\n");
  });

  it("keeps one of two headers with a property's name", () => {
    expect(encoded({ priority: 3, headers: [["priority", string("9")]] })).toBe("priority:3\n");
  });
});

describe("properties through STOMP headers", () => {
  it("survive where they are text", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((value) => !value.includes("\0"));
    const name = text.filter((value) => value !== "").map((value) => `h-${value}`);
    const properties = fc
      .record(
        {
          contentType: text,
          contentEncoding: text,
          correlationId: text,
          messageId: text,
          type: text,
          userId: text,
          appId: text,
          priority: fc.nat(255),
          timestamp: fc.bigInt({ min: 0n, max: 2n ** 63n }),
          deliveryMode: fc.constant(2),
          headers: fc
            .uniqueArray(fc.tuple(name, text), { selector: ([key]) => key, minLength: 1, maxLength: 4 })
            .map((entries) => entries.map(([key, value]) => [key, string(value)] as const)),
        },
        { requiredKeys: [] },
      )
      .map((value) => value as Properties);
    fc.assert(
      fc.property(properties, (value) => {
        expect(decodeHeaders(encodeHeaders(value))).toEqual({ headers: [], ...value });
      }),
    );
  });

  it("keep a history of deaths with its types", () => {
    const death: FieldTable = [
      ["original-expiration", string("100")],
      ["count", { kind: "int64", value: 2n }],
      ["reason", string("rejected")],
      ["queue", string("q")],
      ["time", { kind: "timestamp", value: 1_700_000_000n }],
      ["exchange", string("")],
      ["routing-keys", { kind: "array", value: [string("q"), string("r")] }],
    ];
    const headers: FieldTable = [["x-death", { kind: "array", value: [{ kind: "table", value: death }] }]];
    expect(decodeHeaders(encodeHeaders({ headers }))).toEqual({ headers });
  });

  it.each(["[", "[1]", '[{"count":"many"}]', '[{"else":1}]', "text", "[[]]"])(
    "keep a false history as text: %s",
    (text) => {
      expect(decodeHeaders(native(`x-death:${text.replaceAll(":", "\\c")}\n`))).toEqual({
        headers: [["x-death", string(text)]],
      });
    },
  );
});
