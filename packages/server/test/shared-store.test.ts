import { connect } from "node:net";
import { once } from "node:events";
import type { LogFields } from "@jackalope/core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type BrokerState, ClosedEarlyError, createBroker } from "../src/index.ts";
import { freePort } from "@jackalope/testkit/free-port";

let end = new AbortController();
let ending: Promise<unknown> = Promise.resolve();

afterEach(async () => {
  end.abort();
  await ending;
  end = new AbortController();
});

describe("a broker whose Redis is not there", () => {
  test("says so, refuses clients, and waits until it is ended", async () => {
    const [redisPort, amqpPort, managementPort] = [await freePort(), await freePort(), await freePort()];
    const states: BrokerState[] = [];
    const log: string[] = [];
    const keep = (fields: LogFields, text: string): void => {
      log.push(`${text} ${JSON.stringify(fields)}`);
    };
    ending = createBroker({
      store: `redis://somebody:s3cret@127.0.0.1:${redisPort}/0`,
      amqpPort,
      managementPort,
      logger: { debug: keep, info: keep, warn: keep, error: keep },
      onStateChange: (state) => states.push(state),
      signal: end.signal,
    }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(states).toHaveLength(1), { timeout: 5000 });
    const reason = `connect ECONNREFUSED 127.0.0.1:${redisPort}`;
    expect(states).toEqual([{ kind: "unreachable", reason }]);
    const health = await fetch(`http://127.0.0.1:${managementPort}/health/ready`);
    expect(health.status).toBe(503);
    expect(await health.json()).toEqual({ status: "unavailable", reason: `the store cannot be reached: ${reason}` });
    const socket = connect(amqpPort, "127.0.0.1");
    socket.write("AMQP\0\0\x09\x01", "latin1");
    const [greeting] = (await once(socket, "data")) as [Buffer];
    // connection.start
    expect(greeting.subarray(7, 11)).toEqual(Buffer.of(0, 10, 0, 10));
    socket.destroy();
    end.abort();
    expect(await ending).toBeInstanceOf(ClosedEarlyError);
    expect(states.at(-1)).toEqual({ kind: "stopping" });
    expect(log.join("\n")).not.toContain("s3cret");
    const again = connect(amqpPort, "127.0.0.1");
    const [error] = (await once(again, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  test("cannot be started where a port is taken: it would lead and could not serve", async () => {
    const other = await createBroker();
    const amqpPort = other.ports.amqp ?? 0;
    const starting = createBroker({ store: `redis://127.0.0.1:${await freePort()}`, amqpPort });
    await expect(starting).rejects.toThrow(`amqp-port: port ${amqpPort} on 127.0.0.1 is in use`);
    await other.close();
  });
});

test("an address that is none is refused without what may be a password", async () => {
  await expect(createBroker({ store: "redis://user:p@ss/word@host/x" })).rejects.toThrow(
    /^store: "redis:\/\/…@host\/x" is not allowed \(option store\); allowed: embedded, memory, redis:/,
  );
});
