import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { heartbeat, RawConnection } from "../harness/raw-connection.ts";
import { freshName, targetOf } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";
import { basicConsume, channelOpen, message, method, octet, queueDeclare, short, shortstr } from "../harness/wire.ts";

// What RabbitMQ's Java client demands of a broker under alarm: one connection, which publishes and consumes, with a heartbeat
// of a second.

let broker: EmbeddedBroker;
beforeAll(async () => {
  broker = await createBroker();
});
afterAll(() => broker.close());

function raise(kind: "memory" | "disk"): () => void {
  const lower = () => broker.broker.alarms.set(kind, "test", false);
  broker.broker.alarms.set(kind, "test", true);
  onTestFinished(lower);
  return lower;
}

/** One channel with a queue; every heartbeat of the server is answered with one. */
class Client {
  readonly connection: RawConnection;
  readonly queue = freshName("flow");
  #answered = 0;

  private constructor(connection: RawConnection) {
    this.connection = connection;
  }

  static async open(): Promise<Client> {
    const target = targetOf(broker.url, () => Promise.resolve());
    const client = new Client(await RawConnection.open(target, { heartbeatSeconds: 1 }));
    client.connection.send(channelOpen(1), queueDeclare(1, client.queue));
    await client.connection.method(50, 11, 1);
    return client;
  }

  publish(text: string): void {
    this.connection.send(message(1, "", this.queue, Buffer.from(text)));
  }

  /** basic.get, and the body that is the answer. */
  async get(): Promise<string> {
    const seen = this.bodies.length;
    this.connection.send(method(1, 60, 70, short(0), shortstr(this.queue), octet(1)));
    return waitFor("an answer to basic.get", () => this.bodies[seen]);
  }

  /** Resolves when the server has sent so many more, and was answered. */
  async heartbeats(count: number): Promise<void> {
    const enough = this.#answered + count;
    await waitFor("heartbeats", () => {
      const came = this.connection.frames.filter(({ type }) => type === 8).length;
      for (; this.#answered < came; this.#answered++) this.connection.send(heartbeat);
      return this.connection.ended || came >= enough;
    });
    expect(this.connection.ended).toBe(false);
  }

  async consume(): Promise<void> {
    this.connection.send(basicConsume(1, this.queue, "tag", 2));
    await this.connection.method(60, 21, 1);
  }

  async cancel(): Promise<void> {
    this.connection.send(method(1, 60, 30, shortstr("tag"), octet(0)));
    await this.connection.method(60, 31, 1);
  }

  /** Everything that was delivered or fetched. */
  get bodies(): string[] {
    return this.connection.frames.filter(({ type }) => type === 3).map(({ payload }) => payload.toString());
  }
}

test("who published before gets and consumes; what it publishes waits, while heartbeats keep its connection", async () => {
  const client = await Client.open();
  client.publish("before");
  await waitFor("the message", () => broker.broker.virtualHosts.get("/")?.queues.get(client.queue)?.readyCount === 1);
  const lower = raise("memory");
  expect(await client.get()).toBe("before");
  await client.consume();
  client.publish("during");
  // More than three intervals, after which either side gives a silent one up.
  await client.heartbeats(7);
  expect(client.bodies).toEqual(["before"]);
  lower();
  await waitFor("what was held", () => client.bodies.length === 2);
  await client.cancel();
  client.publish("after");
  expect(await client.get()).toBe("after");
  expect(client.bodies).toEqual(["before", "during", "after"]);
});

test("where two alarms overlap, publishes wait for the end of the second", async () => {
  const client = await Client.open();
  await client.consume();
  const lowerMemory = raise("memory");
  client.publish("during");
  await client.heartbeats(1);
  const lowerDisk = raise("disk");
  await client.heartbeats(1);
  lowerMemory();
  await client.heartbeats(1);
  expect(client.bodies).toEqual([]);
  lowerDisk();
  await waitFor("what was held", () => client.bodies.length === 1);
  await client.cancel();
  client.publish("after");
  expect(await client.get()).toBe("after");
});
