import { basicConsume, basicGet, basicPublish, basicQos, basicRecover, basicAck } from "../src/methods/basic.ts";
import { channelFlow } from "../src/methods/channel.ts";
import { confirmSelect } from "../src/methods/confirm.ts";
import { exchangeDeclare, exchangeDelete } from "../src/methods/exchange.ts";
import { queueBind, queueDeclare, queueDelete, queuePurge } from "../src/methods/queue.ts";
import { txCommit, txSelect } from "../src/methods/tx.ts";
import { contentHeader, frame, longString, method, shortString } from "./raw-client.ts";

/** What a client does wrong on channel 1 of an open connection, and how the broker closes. */
export interface ErrorCase {
  readonly name: string;
  readonly sends: readonly Buffer[];
  readonly scope: "channel" | "connection";
  readonly code: number;
  readonly text: string;
  /** Class and method named by the close. */
  readonly failing: readonly [number, number];
}

export const publishIds = [60, 40] as const;

const declare = (
  queue: string,
  flags: Partial<{ durable: boolean; exclusive: boolean; passive: boolean }> = {},
): Buffer =>
  method(1, queueDeclare, {
    ticket: 0,
    queue,
    passive: false,
    durable: false,
    exclusive: false,
    autoDelete: false,
    nowait: true,
    arguments: [],
    ...flags,
  });

const declareExchange = (exchange: string, type: string): Buffer =>
  method(1, exchangeDeclare, {
    ticket: 0,
    exchange,
    type,
    passive: false,
    durable: false,
    autoDelete: false,
    internal: false,
    nowait: true,
    arguments: [],
  });

const bind = (queue: string, exchange: string): Buffer =>
  method(1, queueBind, { ticket: 0, queue, exchange, routingKey: "k", nowait: false, arguments: [] });

const consume = (queue: string, consumerTag: string, noAck = true): Buffer =>
  method(1, basicConsume, {
    ticket: 0,
    queue,
    consumerTag,
    noLocal: false,
    noAck,
    exclusive: false,
    nowait: true,
    arguments: [],
  });

export const publish = (exchange = "", routingKey = "nowhere", immediate = false): Buffer =>
  method(1, basicPublish, { ticket: 0, exchange, routingKey, mandatory: false, immediate });

export const withProperties = (...native: Uint8Array[]): Buffer[] => [
  publish(),
  contentHeader(1, 0, Buffer.concat(native)),
];
const expiration = (text: string): Buffer[] => withProperties(Buffer.of(1, 0), shortString(text));
export const headers = (fields: Uint8Array): Buffer[] => withProperties(Buffer.of(0x20, 0), longString(fields));
/** A header with an array of `count` keys. */
const copies = (name: "CC" | "BCC", count: number): Buffer => {
  const keys = Buffer.from("S\0\0\0\x01k".repeat(count), "latin1");
  return Buffer.concat([shortString(name), Buffer.from("A"), longString(keys)]);
};
export const body = (text: string, channel = 1): Buffer => frame(3, channel, Buffer.from(text));

const soft = (
  name: string,
  code: number,
  text: string,
  failing: readonly [number, number],
  ...sends: Buffer[]
): ErrorCase => ({
  name,
  sends,
  scope: "channel",
  code,
  text,
  failing,
});
export const hard = (
  name: string,
  code: number,
  text: string,
  failing: readonly [number, number],
  ...sends: Buffer[]
): ErrorCase => ({
  name,
  sends,
  scope: "connection",
  code,
  text,
  failing,
});

/** Features and rules of the broker: features 4.3, whose texts clients match on. */
export const brokerErrors: readonly ErrorCase[] = [
  hard("immediate", 540, "NOT_IMPLEMENTED - immediate=true", publishIds, publish("", "q", true)),
  hard(
    "prefetch size",
    540,
    "NOT_IMPLEMENTED - prefetch_size!=0 (7)",
    [60, 10],
    method(1, basicQos, { prefetchSize: 7, prefetchCount: 0, global: false }),
  ),
  hard("flow off", 540, "NOT_IMPLEMENTED - active=false", [20, 20], method(1, channelFlow, { active: false })),
  hard(
    "recover without requeue",
    540,
    "NOT_IMPLEMENTED - requeue=false",
    [60, 110],
    method(1, basicRecover, { requeue: false }),
  ),
  hard(
    "consumer tag reused",
    530,
    "NOT_ALLOWED - attempt to reuse consumer tag 't'",
    [60, 20],
    declare("q"),
    consume("q", "t"),
    consume("q", "t"),
  ),
  soft(
    "expiration no number",
    406,
    "PRECONDITION_FAILED - invalid expiration 'abc': no_integer",
    publishIds,
    ...expiration("abc"),
  ),
  soft(
    "expiration negative",
    406,
    "PRECONDITION_FAILED - invalid expiration '-5': {value_negative,-5}",
    publishIds,
    ...expiration("-5"),
  ),
  soft(
    "expiration with a unit",
    406,
    `PRECONDITION_FAILED - invalid expiration '5s': {leftover_string,"s"}`,
    publishIds,
    ...expiration("5s"),
  ),
  soft(
    "expiration empty",
    406,
    "PRECONDITION_FAILED - invalid expiration '': no_integer",
    publishIds,
    ...expiration(""),
  ),
  soft(
    "CC no array",
    406,
    'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}',
    publishIds,
    ...headers(Buffer.from("\x02CCS\0\0\0\x01x")),
  ),
  soft(
    "BCC a number",
    406,
    'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"BCC",signedint}',
    publishIds,
    ...headers(Buffer.from("\x03BCCI\0\0\0\x01")),
  ),
  soft(
    "CC with a key of 256 bytes",
    406,
    'PRECONDITION_FAILED - invalid message: {value_too_long,"CC",256}',
    publishIds,
    ...headers(Buffer.concat([Buffer.from("\x02CCA\0\0\x01\x05S\0\0\x01\0", "latin1"), Buffer.alloc(256, "k")])),
  ),
  soft(
    "CC and BCC with more than 1024 keys",
    406,
    'PRECONDITION_FAILED - invalid message: {too_many_keys,"BCC",1025}',
    publishIds,
    ...headers(Buffer.concat([copies("CC", 1000), copies("BCC", 25)])),
  ),
  soft(
    "user-id of somebody else",
    406,
    "PRECONDITION_FAILED - user_id property set to 'joe' but authenticated user was 'guest'",
    publishIds,
    ...withProperties(Buffer.of(0, 0x10), shortString("joe")),
  ),
  soft(
    "direct reply without a consumer",
    406,
    "PRECONDITION_FAILED - fast reply consumer does not exist",
    publishIds,
    ...withProperties(Buffer.of(2, 0), shortString("amq.rabbitmq.reply-to")),
  ),
  soft(
    "direct reply with acknowledgements",
    406,
    "PRECONDITION_FAILED - reply consumer cannot acknowledge",
    [60, 20],
    consume("amq.rabbitmq.reply-to", "", false),
  ),
  soft(
    "second direct reply consumer",
    406,
    "PRECONDITION_FAILED - reply consumer already set",
    [60, 20],
    consume("amq.rabbitmq.reply-to", "a"),
    consume("amq.rabbitmq.reply-to", "b"),
  ),
  soft(
    "publish to no exchange",
    404,
    "NOT_FOUND - no exchange 'x' in vhost '/'",
    publishIds,
    publish("x"),
    contentHeader(1, 3),
    body("abc"),
  ),
  soft(
    "publish to an internal exchange",
    403,
    "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
    publishIds,
    publish("amq.rabbitmq.trace"),
  ),
  soft(
    "message too large",
    406,
    "PRECONDITION_FAILED - message size 20000000 is larger than configured max size 16777216",
    publishIds,
    publish(),
    contentHeader(1, 20_000_000),
    body("abc"),
  ),
  soft(
    "message absurdly large",
    406,
    `PRECONDITION_FAILED - message size ${2 ** 40} is larger than configured max size 16777216`,
    publishIds,
    publish(),
    contentHeader(1, 2 ** 40),
  ),
  soft(
    "acknowledgement of nothing",
    406,
    "PRECONDITION_FAILED - unknown delivery tag 5",
    [60, 80],
    method(1, basicAck, { deliveryTag: 5, multiple: false }),
  ),
  soft(
    "get without a queue",
    404,
    "NOT_FOUND - no previously declared queue",
    [60, 70],
    method(1, basicGet, { ticket: 0, queue: "", noAck: true }),
  ),
  soft(
    "get from no queue",
    404,
    "NOT_FOUND - no queue 'x' in vhost '/'",
    [60, 70],
    method(1, basicGet, { ticket: 0, queue: "x", noAck: true }),
  ),
  soft(
    "passive declaration of no queue",
    404,
    "NOT_FOUND - no queue 'x' in vhost '/'",
    [50, 10],
    declare("x", { passive: true }),
  ),
  soft(
    "purge of no queue",
    404,
    "NOT_FOUND - no queue 'x' in vhost '/'",
    [50, 30],
    method(1, queuePurge, { ticket: 0, queue: "x", nowait: true }),
  ),
  soft("bind to no exchange", 404, "NOT_FOUND - no exchange 'x' in vhost '/'", [50, 20], declare("q"), bind("q", "x")),
  soft("bind of no queue", 404, "NOT_FOUND - no queue 'x' in vhost '/'", [50, 20], bind("x", "amq.topic")),
  soft(
    "bind to the default exchange",
    403,
    "ACCESS_REFUSED - operation not permitted on the default exchange",
    [50, 20],
    declare("q"),
    bind("q", ""),
  ),
  soft(
    "declare as something else",
    406,
    "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
    [50, 10],
    declare("q"),
    declare("q", { durable: true }),
  ),
  soft(
    "declare a reserved queue name",
    403,
    "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'",
    [50, 10],
    declare("amq.x"),
  ),
  soft(
    "delete a queue in use",
    406,
    "PRECONDITION_FAILED - queue 'q' in vhost '/' in use",
    [50, 40],
    declare("q"),
    consume("q", "t"),
    method(1, queueDelete, { ticket: 0, queue: "q", ifUnused: true, ifEmpty: false, nowait: true }),
  ),
  soft(
    "delete a predeclared exchange",
    403,
    "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
    [40, 20],
    method(1, exchangeDelete, { ticket: 0, exchange: "amq.topic", ifUnused: false, nowait: true }),
  ),
  soft(
    "unknown exchange type",
    406,
    "PRECONDITION_FAILED - unknown exchange type 'nope'",
    [40, 10],
    declareExchange("e", "nope"),
  ),
  soft(
    "confirms then transactions",
    406,
    "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
    [90, 10],
    method(1, confirmSelect, { nowait: true }),
    method(1, txSelect, {}),
  ),
  soft(
    "commit without transaction",
    406,
    "PRECONDITION_FAILED - channel is not transactional",
    [90, 20],
    method(1, txCommit, {}),
  ),
];
