import { until } from "@jackalope/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { basicPublish } from "../src/methods/basic.ts";
import { channelClose, channelCloseOk } from "../src/methods/channel.ts";
import { connectionClose, connectionCloseOk } from "../src/methods/connection.ts";
import { queueDeclare, queueDeclareOk } from "../src/methods/queue.ts";
import { startAdapter } from "./adapter-fixture.ts";
import {
  contentHeader,
  frame,
  header,
  longString,
  method,
  type RawClient,
  rawMethod,
  shortString,
} from "./raw-client.ts";

const publish = method(1, basicPublish, {
  ticket: 0,
  exchange: "",
  routingKey: "q",
  mandatory: false,
  immediate: false,
});

function nestedTable(levels: number): Buffer {
  let table = longString(Buffer.alloc(0));
  for (let level = 0; level < levels; level++)
    table = longString(Buffer.concat([shortString("a"), Buffer.from("F"), table]));
  return table;
}

describe("hostile bytes", () => {
  it("of any kind end at most their own connection", async () => {
    const fixture = await startAdapter();
    const witness = await fixture.client();
    const declare = {
      ticket: 0,
      queue: "q",
      passive: false,
      durable: false,
      exclusive: false,
      autoDelete: false,
      nowait: false,
    };
    await witness.call(1, queueDeclare, { ...declare, arguments: [] }, queueDeclareOk);
    const sound = Buffer.concat([publish, contentHeader(1, 3, Buffer.of(0x10, 0, 2)), frame(3, 1, Buffer.from("abc"))]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const client = await fixture.client();
          const bytes = Buffer.from(sound);
          for (const [place, value] of changes) bytes[place] = value;
          client.send(bytes);
          client.socket.end();
          await client.end();
          await witness.openChannel(2);
          witness.send(
            method(2, channelClose, { replyCode: 200, replyText: "", failingClassId: 0, failingMethodId: 0 }),
          );
          await witness.expect(channelCloseOk);
        },
      ),
      { numRuns: 150, endOnFailure: true },
    );
    expect(fixture.log.filter((line) => line.includes("internal error"))).toEqual([]);
    await until(() => fixture.broker.connections.size === 1);
  });

  it("behind a refused method, in the same chunk, are not decoded for ever", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.send(rawMethod(1, 60, 99), frame(1, 1, Buffer.alloc(4), 0), frame(1, 1, Buffer.alloc(4), 0));
    expect(await client.expect(connectionClose)).toMatchObject({ replyCode: 503 });
    client.send(method(0, connectionCloseOk, {}));
    await client.end();
  });

  it("instead of a handshake close the socket", async () => {
    const fixture = await startAdapter();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 64 }), async (noise) => {
        const client = await fixture.socket();
        client.send(header, Buffer.from(noise));
        client.socket.end();
        await client.end();
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect(fixture.log.filter((line) => line.includes("internal error"))).toEqual([]);
  });

  it.each([
    [
      "in a message's headers",
      () => [publish, contentHeader(1, 0, Buffer.concat([Buffer.of(0x20, 0), nestedTable(9000)]))],
    ],
    [
      "in a declaration's arguments",
      () => [rawMethod(1, 50, 10, Buffer.concat([Buffer.from("\0\0\x01q\0"), nestedTable(9000)]))],
    ],
  ])("nested absurdly deep %s are refused as a syntax error", async (_name, frames) => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.send(...frames());
    expect(await client.expect(connectionClose)).toMatchObject({
      replyCode: 502,
      replyText: "SYNTAX_ERROR - field table is nested deeper than 64",
    });
  });

  it("that promise a large frame cost nothing until they come", async () => {
    const fixture = await startAdapter();
    const witness = await fixture.client();
    const before = process.memoryUsage();
    const promise = Buffer.concat([publish, contentHeader(1, 16 * 1024 * 1024), Buffer.from([3, 0, 1, 0, 1, 0, 0])]);
    const clients: RawClient[] = [];
    for (let index = 0; index < 40; index++) {
      const client = await fixture.client();
      client.send(promise, Buffer.alloc(100));
      clients.push(client);
      // A round trip of another client: the promise has been read when it is over.
      await witness.openChannel(index + 2);
    }
    const after = process.memoryUsage();
    // 40 bodies of 16 MiB were promised; 8 MiB over all would be 200 KiB each.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
    expect(clients.some((client) => client.closed)).toBe(false);
  });
});
