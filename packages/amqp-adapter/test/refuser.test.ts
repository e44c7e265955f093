import { silentLogger, SystemClock } from "@jackalope/core";
import type { Refuser } from "@jackalope/transport";
import { connect as amqplibConnect } from "amqplib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAmqpRefuser } from "../src/index.ts";
import { connectionClose, connectionCloseOk } from "../src/methods/connection.ts";
import { header, method, RawClient } from "./raw-client.ts";

let reason: string;
let refuser: Refuser;
let port: number;
let clock: SystemClock;

beforeEach(async () => {
  reason = "this broker stands by";
  clock = new SystemClock();
  refuser = createAmqpRefuser({ logger: silentLogger, clock, timeoutMs: 5000, reason: () => reason });
  const [address] = await refuser.listen({ host: "127.0.0.1", port: 0 });
  port = address?.port ?? 0;
});

afterEach(async () => {
  await refuser.close();
  clock.close();
});

describe("a refused AMQP client", () => {
  it("gets connection.start, and connection.close with 320 and the reason of now for its start-ok", async () => {
    const client = await RawClient.connect(port);
    reason = "the broker is starting";
    await client.login();
    expect(await client.expect(connectionClose)).toEqual({
      replyCode: 320,
      replyText: "CONNECTION_FORCED - the broker is starting",
      failingClassId: 0,
      failingMethodId: 0,
    });
    client.send(method(0, connectionCloseOk, {}));
    await client.end();
    expect(refuser.refusedCount).toBe(1);
  });

  it("may close first, and may send its bytes one by one", async () => {
    const client = await RawClient.connect(port);
    const values = { replyCode: 200, replyText: "", failingClassId: 0, failingMethodId: 0 };
    for (const byte of Buffer.concat([header, method(0, connectionClose, values)])) client.send(Buffer.of(byte));
    expect((await client.method()).name).toBe("connection.start");
    await client.expect(connectionCloseOk);
    await client.end();
  });

  it("that speaks something else gets the header of 0-9-1", async () => {
    const client = await RawClient.connect(port);
    client.send(Buffer.from("AMQP\0\x01\0\0", "latin1"));
    await client.end();
    expect(client.received).toEqual(header);
  });

  it("that sends what is no frame is cut off", async () => {
    const client = await RawClient.connect(port);
    client.send(header, Buffer.alloc(64, 0xff));
    expect((await client.method()).name).toBe("connection.start");
    await client.end();
  });

  it("reads it in amqplib's error", async () => {
    const connecting = amqplibConnect(`amqp://guest:guest@127.0.0.1:${port}`);
    await expect(connecting).rejects.toThrow(
      '320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - this broker stands by"',
    );
  });
});
