import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openingBytes, RawConnection } from "../harness/raw-connection.ts";
import { type Target, targetOf } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";
import {
  basicConsume,
  basicPublish,
  channelOpen,
  contentHeader,
  declareFlags,
  frame,
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

/** A log line, and what goes with it. */
interface Logged {
  readonly level: string;
  readonly facts: object;
  readonly text: string;
}

let broker: EmbeddedBroker;
let target: Target;
const log: Logged[] = [];
let witness: RawConnection;

beforeAll(async () => {
  const keep = (level: string) => (facts: object, text: string) => void log.push({ level, facts, text });
  const logger = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
  broker = await createBroker({ logger, handshakeTimeout: 300 });
  target = targetOf(broker.url, () => broker.close());
});
afterAll(() => broker.close());

/** Somebody who was there before the attack. */
async function openWitness(): Promise<void> {
  log.length = 0;
  witness = await RawConnection.open(target);
  const exclusive = declareFlags.exclusive | declareFlags.nowait;
  witness.send(channelOpen(1), queueDeclare(1, "witness", exclusive), basicConsume(1, "witness", "w", 2 | 8));
  await witness.method(20, 11, 1);
}

/** Everybody else is still served: a message goes through, on a connection that was there and on a new one. */
async function expectOthersServed(): Promise<void> {
  const newcomer = await RawConnection.open(target);
  newcomer.send(channelOpen(1), method(1, 85, 10, octet(0)), message(1, "", "witness", Buffer.from("still there?")));
  await newcomer.method(60, 80, 1);
  await waitFor("the message", () => witness.frames.some((received) => received.type === 3));
  expect(log.filter(({ level }) => level === "error")).toEqual([]);
}

/** Refusals that the log tells of: an address has a line a second, with the number of those it stands for. */
function toldOf(): number {
  const refused = log.filter(({ level, text }) => level === "warn" && text === "connection refused");
  return refused.reduce((count, { facts }) => count + ("alike" in facts ? Number(facts.alike) : 1), 0);
}

/** Bytes that look random and are the same at every run. */
function noise(seed: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  let state = seed;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

test("garbage in place of a handshake is cut off, logged, and disturbs nobody", async () => {
  await openWitness();
  for (let seed = 1; seed <= 50; seed++) {
    const connection = await RawConnection.connect(target);
    connection.send(noise(seed, seed * 7));
    await connection.closed();
  }
  await waitFor("lines that tell of all of them", () => toldOf() === 50);
  await expectOthersServed();
});

test("garbage on an open connection closes it with an AMQP error, and disturbs nobody", async () => {
  await openWitness();
  for (let seed = 1; seed <= 50; seed++) {
    const connection = await RawConnection.open(target);
    connection.send(channelOpen(1), noise(seed, 2000));
    const { code } = await connection.connectionClose();
    expect([501, 502, 503, 504, 505]).toContain(code);
  }
  await expectOthersServed();
});

test("well-formed frames with garbage inside close the connection or the channel, and disturb nobody", async () => {
  await openWitness();
  const classes = [10, 20, 30, 40, 50, 60, 85, 90];
  for (let seed = 1; seed <= 100; seed++) {
    const connection = await RawConnection.open(target);
    const bytes = noise(seed, 60);
    const classId = classes[seed % classes.length] ?? 60;
    const methodId = 10 * (1 + (bytes.readUInt8(0) % 12));
    connection.send(channelOpen(1), method(1, classId, methodId, bytes.subarray(1, 1 + (seed % 40))));
    // A mark at the end: where the frame meant something after all, the connection goes on and answers it.
    connection.send(method(0, 10, 50, short(200), shortstr("done"), short(0), short(0)));
    await waitFor("an end of some kind", () =>
      connection.frames.some(
        ({ channel, type, payload }) => channel === 0 && type === 1 && payload.readUInt16BE(2) >= 50,
      ),
    );
    connection.socket.destroy();
  }
  await expectOthersServed();
});

test("a handshake that stops half-way is given up after its time", async () => {
  await openWitness();
  const opening = openingBytes(target);
  for (const cut of [0, 3, 8, 12, 60, opening.length - 1]) {
    const connection = await RawConnection.connect(target);
    if (cut > 0) connection.send(opening.subarray(0, cut));
    await connection.closed(5000);
  }
  await expectOthersServed();
});

test("a client that goes in the middle of a frame or a message leaves nothing behind", async () => {
  await openWitness();
  const whole = message(1, "", "witness", Buffer.alloc(100));
  for (let cut = 1; cut < whole.length; cut += 5) {
    const connection = await RawConnection.open(target);
    connection.send(channelOpen(1), queueDeclare(1, `left-${cut}`, declareFlags.exclusive), whole.subarray(0, cut));
    await connection.method(50, 11, 1);
    connection.socket.destroy();
  }
  const queues = () => [...(broker.broker.virtualHosts.get("/")?.queues.keys() ?? [])];
  await waitFor("the exclusive queues to go", () => queues().length === 1);
  expect(witness.frames.filter(({ type }) => type === 3)).toEqual([]);
  await expectOthersServed();
});

describe("what asks for absurd amounts is refused:", () => {
  const deep = (depth: number): Buffer => {
    let value = Buffer.from("V");
    for (let level = 0; level < depth; level++) value = Buffer.concat([Buffer.from("A"), u32(value.length), value]);
    return table([["deep", value]]);
  };
  const publishWith = (properties: Buffer) =>
    Buffer.concat([basicPublish(1, "", "witness"), contentHeader(1, 1, properties), frame(3, 1, Buffer.from("x"))]);

  test.each([
    ["arguments nested 2,000 levels deep", method(1, 50, 10, short(0), shortstr("q"), octet(0), deep(2000)), 502],
    ["headers nested 2,000 levels deep", publishWith(Buffer.concat([short(0x2000), deep(2000)])), 502],
    [
      "more body than its header announced",
      Buffer.concat([basicPublish(1, "", "q"), contentHeader(1, 2), frame(3, 1, Buffer.alloc(3))]),
      505,
    ],
    ["a frame of 4 GiB", Buffer.concat([octet(3), short(1), u32(0xffffffff)]), 501],
  ])("%s", async (_what, bytes, code) => {
    await openWitness();
    const connection = await RawConnection.open(target);
    connection.send(channelOpen(1), bytes);
    expect((await connection.connectionClose()).code).toBe(code);
    await expectOthersServed();
  });

  test("a message of 2^60 bytes, before its first byte", async () => {
    await openWitness();
    const connection = await RawConnection.open(target);
    const header = frame(2, 1, Buffer.concat([short(60), short(0), u64(2 ** 60), short(0)]));
    connection.send(channelOpen(1), basicPublish(1, "", "witness"), header);
    expect(await connection.channelClose(1)).toMatchObject({
      code: 406,
      text: `PRECONDITION_FAILED - message size ${2 ** 60} is larger than configured max size 16777216`,
    });
    await expectOthersServed();
  });

  test("more channels than the server allows", async () => {
    await openWitness();
    const connection = await RawConnection.open(target);
    for (let channel = 1; channel <= 2048; channel++) connection.send(channelOpen(channel));
    expect((await connection.connectionClose()).code).toBe(530);
    await expectOthersServed();
  });
});
