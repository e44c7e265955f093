import { afterAll, beforeAll, expect, test } from "vitest";
import { nth } from "../harness/nth.ts";
import { heartbeat, openingBytes, RawConnection } from "../harness/raw-connection.ts";
import { freshName, startTarget, type Target } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";
import {
  basicConsume,
  basicPublish,
  channelOpen,
  contentHeader,
  declareFlags,
  frame,
  longstr,
  message,
  method,
  octet,
  queueDeclare,
  short,
  shortstr,
  table,
  u32,
  u64,
} from "../harness/wire.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const protocolHeader = Buffer.from("AMQP\0\0\x09\x01", "latin1");
const exclusive = declareFlags.exclusive | declareFlags.nowait;
const noAckNowait = 2 | 8;

/** The bodies of what was delivered on a channel. */
function bodies(connection: RawConnection, channel: number): Buffer {
  const parts = connection.frames.filter((received) => received.type === 3 && received.channel === channel);
  return Buffer.concat(parts.map((part) => part.payload));
}

test.each([
  ["a protocol of the future", Buffer.from("AMQP\x09\x09\x09\x09", "latin1")],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["TLS", Buffer.from("16030100a5010000a103", "hex")],
])("a client that speaks %s is told the protocol and cut off", async (_what, bytes) => {
  const connection = await RawConnection.connect(target);
  connection.send(bytes);
  await connection.closed();
  expect(connection.header).toEqual(protocolHeader);
});

test("a client may send all it knows at once, up to the messages", async () => {
  const connection = await RawConnection.connect(target);
  const queue = freshName("at-once");
  connection.send(
    openingBytes(target),
    channelOpen(1),
    queueDeclare(1, queue, exclusive),
    basicConsume(1, queue, "c", noAckNowait),
    message(1, "", queue, Buffer.from("hello")),
  );
  await waitFor("the message", () => bodies(connection, 1).toString() === "hello");
});

test("bytes may come one at a time", async () => {
  const connection = await RawConnection.connect(target);
  const queue = freshName("dribble");
  const bytes = Buffer.concat([
    openingBytes(target),
    channelOpen(1),
    queueDeclare(1, queue, exclusive),
    basicConsume(1, queue, "c", noAckNowait),
    message(1, "", queue, Buffer.from("drop by drop")),
  ]);
  for (const byte of bytes) {
    // One segment each, as far as the kernel plays along.
    await new Promise<void>((written) => connection.socket.write(octet(byte), () => written()));
  }
  await waitFor("the message", () => bodies(connection, 1).toString() === "drop by drop");
});

test("two channels may interleave the frames of their messages", async () => {
  const connection = await RawConnection.open(target);
  const queues = [freshName("one"), freshName("two")] as const;
  connection.send(channelOpen(1), channelOpen(2));
  connection.send(queueDeclare(1, queues[0], exclusive), queueDeclare(2, queues[1], exclusive));
  connection.send(basicConsume(1, queues[0], "c", noAckNowait), basicConsume(2, queues[1], "c", noAckNowait));
  connection.send(basicPublish(1, "", queues[0]), basicPublish(2, "", queues[1]));
  connection.send(contentHeader(2, 4), contentHeader(1, 6), heartbeat);
  for (const [channel, part] of [
    [1, "on"],
    [2, "tw"],
    [1, "e, "],
    [2, "o."],
    [1, "x"],
  ] as const) {
    connection.send(frame(3, channel, Buffer.from(part)));
  }
  await waitFor("both messages", () => bodies(connection, 1).length === 6 && bodies(connection, 2).length === 4);
  expect(bodies(connection, 1).toString()).toBe("one, x");
  expect(bodies(connection, 2).toString()).toBe("two.");
});

test("headers of every type come back byte for byte", async () => {
  const connection = await RawConnection.open(target);
  const queue = freshName("types");
  const typed = (type: string, ...bytes: readonly Buffer[]) => Buffer.concat([Buffer.from(type), ...bytes]);
  const headers = table([
    ["t", typed("t", octet(1))],
    ["b", typed("b", octet(0x80))],
    ["B", typed("B", octet(0xff))],
    ["s", typed("s", short(0x8000))],
    ["u", typed("u", short(0xffff))],
    ["I", typed("I", u32(0x80000000))],
    ["i", typed("i", u32(0xffffffff))],
    ["l", typed("l", Buffer.alloc(8, 0x81))],
    ["f", typed("f", Buffer.from("7f7fffff", "hex"))],
    ["d", typed("d", Buffer.from("3fb999999999999a", "hex"))],
    ["D", typed("D", octet(2), u32(12_345))],
    ["S", typed("S", longstr(Buffer.from([0xff, 0xfe, 0x00, 0xce])))],
    ["x", typed("x", longstr(Buffer.from([0x00, 0xff])))],
    ["T", typed("T", u64(1_700_000_000))],
    ["V", typed("V")],
    ["A", typed("A", u32(4), typed("t", octet(0)), typed("b", octet(1)))],
    ["F", typed("F", table([["inner", typed("S", longstr("x"))]]))],
    ["", typed("S", longstr(""))],
  ]);
  connection.send(channelOpen(1), queueDeclare(1, queue, exclusive), basicConsume(1, queue, "c", noAckNowait));
  // Flag 0x2000: headers alone.
  const properties = Buffer.concat([short(0x2000), headers]);
  connection.send(basicPublish(1, "", queue), contentHeader(1, 0, properties));
  const header = await waitFor("the content header", () => connection.frames.find((received) => received.type === 2));
  expect(header.payload.subarray(12).toString("hex")).toBe(properties.toString("hex"));
});

test("a silent client is sent heartbeats, and cut off without a word when two of its own are missing", async () => {
  const connection = await RawConnection.open(target, { heartbeatSeconds: 1 });
  const openedAtMs = performance.now();
  await connection.closed();
  const lastedMs = performance.now() - openedAtMs;
  expect(lastedMs).toBeGreaterThan(1500);
  expect(lastedMs).toBeLessThan(10_000);
  const afterOpen = connection.frames.slice(connection.frames.findIndex((received) => received.payload[3] === 41) + 1);
  expect(afterOpen.length).toBeGreaterThanOrEqual(2);
  expect(afterOpen.every((received) => received.type === 8)).toBe(true);
});

test("a client that sends heartbeats is kept", async () => {
  const connection = await RawConnection.open(target, { heartbeatSeconds: 1 });
  const openedAtMs = performance.now();
  const beats = setInterval(() => connection.send(heartbeat), 400);
  try {
    // Three intervals: a client that sent nothing would be gone by then.
    await waitFor("three seconds to pass", () => connection.ended || performance.now() - openedAtMs > 3000);
    expect(connection.ended).toBe(false);
    expect(connection.frames.filter(({ type }) => type === 8).length).toBeGreaterThanOrEqual(2);
  } finally {
    clearInterval(beats);
  }
});

interface Fault {
  readonly what: string;
  readonly bytes: Buffer;
  readonly code: number;
  readonly text: RegExp;
}

const faults: readonly Fault[] = [
  {
    what: "a frame without its end octet",
    bytes: Buffer.from([...frame(1, 1, Buffer.from([0, 20, 0, 10, 0])).subarray(0, -1), 0x00]),
    code: 501,
    text: /^FRAME_ERROR - /,
  },
  {
    what: "a frame larger than the frame-max",
    bytes: frame(1, 1, Buffer.alloc(131_073)),
    code: 501,
    text: /^FRAME_ERROR - .*frame_too_large/,
  },
  {
    what: "a method on a channel that is not open",
    bytes: queueDeclare(7, "x"),
    code: 504,
    text: /^CHANNEL_ERROR - expected 'channel.open'/,
  },
  {
    what: "a channel opened twice",
    bytes: Buffer.concat([channelOpen(1), channelOpen(1)]),
    code: 504,
    text: /^CHANNEL_ERROR - second 'channel.open' seen/,
  },
  {
    what: "a content header without a publish",
    bytes: Buffer.concat([channelOpen(1), contentHeader(1, 5)]),
    code: 505,
    text: /^UNEXPECTED_FRAME - /,
  },
  {
    what: "a method in the middle of a message",
    bytes: Buffer.concat([channelOpen(1), basicPublish(1, "", "x"), contentHeader(1, 5), queueDeclare(1, "x")]),
    code: 505,
    text: /^UNEXPECTED_FRAME - /,
  },
  {
    what: "arguments cut short",
    bytes: Buffer.concat([channelOpen(1), frame(1, 1, Buffer.from([0, 50, 0, 10, 0, 0, 200, 65]))]),
    code: 501,
    text: /^FRAME_ERROR - cannot decode <<0,0,200,65>>$/,
  },
  {
    what: "a table that is longer than its frame",
    bytes: Buffer.concat([
      channelOpen(1),
      method(1, 50, 10, short(0), shortstr("x"), octet(0), u32(0x7fffffff), octet(1)),
    ]),
    code: 501,
    text: /^FRAME_ERROR - cannot decode <</,
  },
];

test.each(faults)("$what closes the connection with $code", async ({ bytes, code, text }) => {
  const witness = await RawConnection.open(target);
  const connection = await RawConnection.open(target);
  connection.send(bytes);
  const close = await connection.connectionClose();
  expect(close.code).toBe(code);
  expect(close.text).toMatch(text);
  connection.send(method(0, 10, 51));
  await connection.closed();
  // Nobody else is disturbed.
  witness.send(channelOpen(1));
  await witness.method(20, 11, 1);
});

test("what the server says of a close names the method that was at fault", async () => {
  const connection = await RawConnection.open(target);
  connection.send(channelOpen(3), queueDeclare(3, "amq.reserved"));
  const close = await connection.channelClose(3);
  expect([close.code, close.classId, close.methodId]).toEqual([403, 50, 10]);
  // Until close-ok the channel takes nothing, and afterwards it can be opened again.
  connection.send(queueDeclare(3, freshName("ignored"), declareFlags.exclusive), method(3, 20, 41), channelOpen(3));
  await waitFor("the channel to open a second time", () => {
    const opened = connection.frames.filter(
      ({ channel, payload }) => channel === 3 && payload.readUInt32BE(0) === 0x14000b,
    );
    return opened.length === 2;
  });
  const declared = connection.frames.filter(
    ({ channel, payload }) => channel === 3 && payload.readUInt32BE(0) === 0x32000b,
  );
  expect(declared).toEqual([]);
});

test("who deletes a queue gets the answer first, and then hears of the consumers it has cancelled", async () => {
  const connection = await RawConnection.open(target);
  const queue = freshName("deleted");
  connection.send(channelOpen(1), queueDeclare(1, queue, exclusive), basicConsume(1, queue, "mine", noAckNowait));
  connection.send(method(1, 50, 40, short(0), shortstr(queue), octet(0)));
  await connection.method(60, 30, 1);
  const methods = connection.frames
    .filter(({ channel }) => channel === 1)
    .map(({ payload }) => payload.readUInt32BE(0));
  expect(methods).toEqual([0x14000b, 0x320029, 0x3c001e]);
});

test("with nowait nothing is answered", async () => {
  const connection = await RawConnection.open(target);
  const queue = freshName("nowait");
  connection.send(
    channelOpen(1),
    queueDeclare(1, queue, exclusive),
    method(1, 40, 10, short(0), shortstr(queue), shortstr("fanout"), octet(4 | 16), table([])),
    method(1, 50, 20, short(0), shortstr(queue), shortstr(queue), shortstr(""), octet(1), table([])),
    method(1, 85, 10, octet(1)),
    basicConsume(1, queue, "c", noAckNowait),
    message(1, queue, "", Buffer.from("routed")),
    method(1, 60, 30, shortstr("c"), octet(1)),
    method(1, 50, 30, short(0), shortstr(queue), octet(1)),
    method(1, 50, 40, short(0), shortstr(queue), octet(4)),
    method(1, 40, 20, short(0), shortstr(queue), octet(2)),
    // Something with an answer, as a mark.
    method(1, 60, 10, u32(0), short(5), octet(0)),
  );
  await connection.method(60, 11, 1);
  await connection.method(60, 80, 1);
  const methods = connection.frames
    .filter(({ channel, type }) => channel === 1 && type === 1)
    .map(({ payload }) => `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`);
  expect(nth(methods, 0)).toBe("20.11");
  expect(new Set(methods)).toEqual(new Set(["20.11", "60.60", "60.80", "60.11"]));
});
