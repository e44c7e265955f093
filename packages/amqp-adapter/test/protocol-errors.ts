import { channelClose, channelOpen } from "../src/methods/channel.ts";
import { txCommit } from "../src/methods/tx.ts";
import { body, type ErrorCase, hard, headers, publish, publishIds, withProperties } from "./error-cases.ts";
import { contentHeader, frame, method, rawMethod } from "./raw-client.ts";

const none = [0, 0] as const;
const expectedHeader = "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead";
const expectedBody = "UNEXPECTED_FRAME - expected content body, got non content body frame instead";
const expectedMethod = "UNEXPECTED_FRAME - expected method frame, got non method frame instead";
const unexpected = "CHANNEL_ERROR - unexpected method in connection state running";

/**
 * Frames and methods in the wrong shape or the wrong place, closed as RabbitMQ 3.10.8 was seen to do it. It has no
 * answer to some: unknown methods make it drop the socket, unsound tables and properties give 541 INTERNAL_ERROR.
 */
export const protocolErrors: readonly ErrorCase[] = [
  hard("unknown method", 503, "COMMAND_INVALID - unimplemented method", [60, 99], rawMethod(1, 60, 99)),
  hard("unknown class", 503, "COMMAND_INVALID - unimplemented method", [99, 1], rawMethod(1, 99, 1)),
  hard(
    "arguments cut short",
    501,
    "FRAME_ERROR - cannot decode <<0,0,5,97,98>>",
    [50, 10],
    rawMethod(1, 50, 10, Buffer.of(0, 0, 5, 97, 98)),
  ),
  hard(
    "arguments too long",
    501,
    "FRAME_ERROR - cannot decode <<0,0,0,0,0,0,0,122,122>>",
    [60, 10],
    rawMethod(1, 60, 10, Buffer.from("\0\0\0\0\0\0\0zz")),
  ),
  hard(
    "method without its numbers",
    501,
    "FRAME_ERROR - type 1, all octets = <<>>: unknown_frame",
    none,
    frame(1, 1, Buffer.alloc(0)),
  ),
  hard(
    "second channel.open",
    504,
    "CHANNEL_ERROR - second 'channel.open' seen",
    [20, 10],
    method(1, channelOpen, { outOfBand: "" }),
  ),
  hard(
    "method on a channel never opened",
    504,
    "CHANNEL_ERROR - expected 'channel.open'",
    [90, 20],
    method(5, txCommit, {}),
  ),
  hard(
    "close of a channel never opened",
    504,
    "CHANNEL_ERROR - expected 'channel.open'",
    [20, 40],
    method(5, channelClose, { replyCode: 200, replyText: "", failingClassId: 0, failingMethodId: 0 }),
  ),
  hard("content on a channel never opened", 505, expectedMethod, none, contentHeader(5, 3)),
  hard("close-ok without close", 503, "COMMAND_INVALID - unimplemented method", [20, 41], rawMethod(1, 20, 41)),
  hard("connection method on a channel", 503, "COMMAND_INVALID - unimplemented method", [10, 40], rawMethod(1, 10, 40)),
  hard("channel method on channel 0", 504, unexpected, [20, 10], method(0, channelOpen, { outOfBand: "" })),
  hard("second connection.open", 504, unexpected, [10, 40], rawMethod(0, 10, 40, Buffer.from("\x01/\0\0"))),
  hard(
    "content on channel 0",
    505,
    "UNEXPECTED_FRAME - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,5,0,0>>",
    none,
    contentHeader(0, 5),
  ),
  hard("body without method", 505, expectedMethod, none, body("abc")),
  hard("header without method", 505, expectedMethod, none, contentHeader(1, 3)),
  hard("method where a header belongs", 505, expectedHeader, publishIds, publish(), publish()),
  hard("body where a header belongs", 505, expectedHeader, publishIds, publish(), body("abc")),
  hard("method where a body belongs", 505, expectedBody, publishIds, publish(), contentHeader(1, 3), publish()),
  hard(
    "header where a body belongs",
    505,
    expectedBody,
    publishIds,
    publish(),
    contentHeader(1, 3),
    contentHeader(1, 3),
  ),
  hard(
    "header of another class",
    505,
    "UNEXPECTED_FRAME - expected content header for class 60, got one for class 20 instead",
    publishIds,
    publish(),
    contentHeader(1, 3, Buffer.of(0, 0), 20),
  ),
  hard(
    "body longer than its header says",
    505,
    "UNEXPECTED_FRAME - content body is longer than its content header says",
    publishIds,
    publish(),
    contentHeader(1, 3),
    body("abcdef"),
  ),
  hard(
    "unknown frame type",
    501,
    'FRAME_ERROR - type 7, all octets = <<"abc">>: unknown_frame',
    none,
    frame(7, 1, Buffer.from("abc")),
  ),
  hard(
    "unknown frame type on channel 0",
    501,
    'FRAME_ERROR - type 7, all octets = <<"abc">>: unknown_frame',
    none,
    frame(7, 0, Buffer.from("abc")),
  ),
  hard(
    "heartbeat on a channel",
    505,
    "UNEXPECTED_FRAME - type 8, all octets = <<>>",
    none,
    frame(8, 1, Buffer.alloc(0)),
  ),
  hard(
    "heartbeat with a payload",
    501,
    'FRAME_ERROR - type 8, all octets = <<"xx">>: unknown_frame',
    none,
    frame(8, 0, Buffer.from("xx")),
  ),
  hard(
    "wrong frame end",
    501,
    "FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}",
    none,
    frame(1, 1, Buffer.of(0, 20, 0, 10, 0), 0),
  ),
  hard(
    "frame beyond frame-max",
    501,
    "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064}",
    none,
    frame(3, 1, Buffer.alloc(131_073)),
  ),
  hard(
    "content header cut short",
    501,
    "FRAME_ERROR - type 2, all octets = <<0,60>>: unknown_frame",
    publishIds,
    publish(),
    frame(2, 1, Buffer.of(0, 60)),
  ),
  hard(
    "unknown field type",
    502,
    "SYNTAX_ERROR - unknown field table type 90",
    publishIds,
    ...headers(Buffer.from("\x03abcZ\0\0\0\0\0")),
  ),
  hard(
    "table longer than its frame",
    502,
    "SYNTAX_ERROR - field table is longer than its frame",
    publishIds,
    ...withProperties(Buffer.of(0x20, 0, 0, 0, 0, 99), Buffer.from("\x03abcZ")),
  ),
  hard(
    "unknown property flags",
    502,
    "SYNTAX_ERROR - content header has unknown property flags",
    publishIds,
    ...withProperties(Buffer.of(0, 1, 0, 0)),
  ),
];
