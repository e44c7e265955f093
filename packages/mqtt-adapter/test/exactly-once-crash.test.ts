import { openLogStorage } from "@jackalope/storage-log";
import { FaultyDisk, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";
import type { RawClient } from "./raw-client.ts";

const total = 40;
const session = { clean: false, properties: { sessionExpiryInterval: 1000, receiveMaximum: 4 } };

/** A client that keeps its side of exactly once: what it sent is repeated until it is complete. */
class Sender {
  readonly #stages = new Map<number, "publish" | "pubrel">();
  #next = 1;

  get done(): boolean {
    return this.#next > total && this.#stages.size === 0;
  }

  begin(client: RawClient): void {
    for (const [messageId, stage] of this.#stages) {
      if (stage === "publish") this.#publish(client, messageId, true);
      else client.packet({ cmd: "pubrel", messageId });
    }
    this.#fill(client);
  }

  async run(client: RawClient): Promise<void> {
    while (!this.done) {
      const packet = await client.next();
      const messageId = packet.messageId as number;
      if (packet.cmd === "pubrec") {
        this.#stages.set(messageId, "pubrel");
        client.packet({ cmd: "pubrel", messageId });
      } else if (packet.cmd === "pubcomp") {
        this.#stages.delete(messageId);
        this.#fill(client);
      }
    }
  }

  #fill(client: RawClient): void {
    while (this.#next <= total && this.#stages.size < 4) {
      const messageId = this.#next++;
      this.#stages.set(messageId, "publish");
      this.#publish(client, messageId, false);
    }
  }

  /** Each identifier is used for one message: the payload tells which one. */
  #publish(client: RawClient, messageId: number, dup: boolean): void {
    client.packet({ cmd: "publish", topic: "t", payload: String(messageId), qos: 2, messageId, dup, retain: false });
  }
}

/** A client that keeps its side of exactly once: an identifier is new until PUBREL. */
class Receiver {
  readonly taken: string[] = [];
  readonly #pending = new Set<number>();

  get done(): boolean {
    return this.taken.length >= total && this.#pending.size === 0;
  }

  async run(client: RawClient): Promise<void> {
    while (!this.done) {
      const packet = await client.next();
      const messageId = packet.messageId as number;
      if (packet.cmd === "publish") {
        if (!this.#pending.has(messageId)) this.taken.push(packet.payload.toString());
        this.#pending.add(messageId);
        client.packet({ cmd: "pubrec", messageId });
      } else if (packet.cmd === "pubrel") {
        this.#pending.delete(messageId);
        client.packet({ cmd: "pubcomp", messageId });
      }
    }
  }
}

function start(disk: FaultyDisk): Promise<AdapterFixture> {
  return startAdapter({ storage: openLogStorage({ directory: "/data", files: disk.process() }) });
}

/** Both clients, logged in. */
async function login(fixture: AdapterFixture): Promise<[from: RawClient, to: RawClient]> {
  const [from, to] = ["from", "to"].map((clientId) => fixture.client({ clientId, ...session }));
  return [await (from as Promise<RawClient>), await (to as Promise<RawClient>)];
}

/** Lets them go on until all is done, or the broker stands still. */
async function work(
  [from, to]: readonly [RawClient, RawClient],
  sender: Sender,
  receiver: Receiver,
  died: () => boolean,
): Promise<void> {
  let running = 2;
  const ended = (): void => {
    running--;
  };
  sender.begin(from);
  sender.run(from).then(ended, ended);
  receiver.run(to).then(ended, ended);
  await until(() => running === 0 || died());
}

describe("with a disk that dies at any of its operations", () => {
  it.each(Array.from({ length: 24 }, (_, index) => index + 1))(
    "every message arrives once and in order: %i",
    async (at) => {
      const disk = new FaultyDisk();
      let fixture = await start(disk);
      let clients = await login(fixture);
      await clients[1].subscribe({ topic: "t", qos: 2 });
      const sender = new Sender();
      const receiver = new Receiver();
      let died = false;
      const moment = (["before", "partly", "after"] as const)[at % 3] ?? "before";
      disk.dieAt(disk.operations + at, moment, () => {
        died = true;
      });
      await work(clients, sender, receiver, () => died);
      // Otherwise there is nothing to see here.
      expect(died).toBe(true);
      disk.crash("none", () => 0);
      await fixture.abandon();
      fixture = await start(disk);
      clients = await login(fixture);
      await work(clients, sender, receiver, () => false);
      expect(receiver.taken).toEqual(Array.from({ length: total }, (_, index) => String(index + 1)));
      expect([sender.done, receiver.done]).toEqual([true, true]);
    },
  );
});
