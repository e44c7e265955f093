import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type LogFields, MemoryStorage, type User, type VirtualHost } from "@jackalope/core";
import { Route } from "@jackalope/core/storage";
import { testMessage } from "@jackalope/testkit";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createBroker, type CreateBrokerOptions, type EmbeddedBroker } from "../src/index.ts";
import { closeOk, greetedClient, openClient, serverClose } from "./raw-client.ts";

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
});

async function open(options: CreateBrokerOptions = {}): Promise<EmbeddedBroker> {
  const broker = await createBroker(options);
  closers.push(() => broker.close());
  return broker;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "jackalope-server-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Resolves where an AMQP server greets its client. */
async function greet(host: string, port: number | null): Promise<void> {
  const socket = await greetedClient(port ?? 0, host);
  socket.destroy();
}

/** A store that can fail by a fault of its own. */
class FaultyStorage extends MemoryStorage {
  faulty = false;

  override flush(): void {
    if (this.faulty) throw new Error("a fault of the engine");
    super.flush();
  }
}

test("a broker whose store fails by itself ends, tells its clients and says why", async () => {
  const storage = new FaultyStorage();
  const lines: string[] = [];
  const note = (fields: LogFields, text: string): void => void lines.push(`${text} ${String(fields["error"] ?? "")}`);
  const logger = { debug: note, info: note, warn: note, error: note };
  const states: string[] = [];
  const broker = await open({ storage, logger, onStateChange: ({ kind }) => void states.push(kind) });
  const client = await openClient(broker.ports.amqp as number);
  client.on("error", () => {});
  storage.faulty = true;
  void broker.broker.createVirtualHost("other");
  await serverClose(client);
  client.end(closeOk);
  await vi.waitFor(() => expect(lines.some((line) => line.startsWith("the broker has ended"))).toBe(true));
  expect(lines).toContain(
    "the store failed while it was given the writes of a turn: the broker ends a fault of the engine",
  );
  expect(states.at(-1)).toBe("stopping");
});

describe("createBroker", () => {
  test("without options is a memory broker on a free port of this machine, ready at once", async () => {
    const startedAtMs = performance.now();
    const broker = await open();
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
    expect(broker.ports).toEqual({
      amqp: expect.any(Number),
      amqpTls: null,
      mqtt: null,
      mqttTls: null,
      mqttWs: null,
      mqttWss: null,
      stomp: null,
      stompTls: null,
      stompWs: null,
      stompWss: null,
      management: null,
    });
    expect(broker.url).toBe(`amqp://guest:guest@127.0.0.1:${broker.ports.amqp}`);
    await greet("127.0.0.1", broker.ports.amqp);
    expect(broker.broker.storage.name).toBe("memory");
  });

  test.each([
    ["without a folder keeps backlogs in memory", () => ({}), null],
    ["with a data directory has its spill folder there", (folder: string) => ({ dataDir: folder }), "spill"],
    ["with a spill folder has it there", (folder: string) => ({ spillDir: join(folder, "own") }), "own"],
    ["with spilling off keeps backlogs in memory", (folder: string) => ({ dataDir: folder, spillDir: "off" }), null],
  ])("a memory broker %s", async (_, options, name) => {
    const folder = temporaryFolder();
    const { broker } = await open({ ...options(folder), queueWindowMessagesMax: 1 });
    const host = broker.virtualHosts.get("/") as VirtualHost;
    const user = broker.users.find("guest") as User;
    const facts = { virtualHost: "/", user, name: "t", protocol: "t", peer: "", onClose: () => undefined };
    const client = broker.openConnection(facts);
    const spec = { durable: true, exclusive: false, autoDelete: false, arguments: [] };
    await client.declareQueue("q", spec);
    for (let index = 0; index < 3; index++) host.publishInternal("", testMessage("m", "", new Route("", "q")));
    expect(broker.messageBytes).toBe(name === null ? 3 : 1);
    const spilled = (): string[] =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((each) => each.endsWith(".spill"));
    if (name === null) expect(spilled()).toEqual([]);
    else await vi.waitFor(() => expect(spilled()).toEqual([expect.stringContaining(join(name, "1"))]));
  });

  test("several brokers in one process do not meet", async () => {
    const [one, two] = [await open(), await open()];
    expect(one.ports.amqp).not.toBe(two.ports.amqp);
    await one.close();
    await greet("127.0.0.1", two.ports.amqp);
  });

  test("close ends the listeners, and calling it again is fine", async () => {
    const broker = await open({ managementPort: 0 });
    await Promise.all([broker.close(), broker.close()]);
    await broker.close();
    await expect(greet("127.0.0.1", broker.ports.amqp)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await expect(fetch(`http://127.0.0.1:${broker.ports.management}/health/live`)).rejects.toThrow();
  });

  test("takes a default user of its own", async () => {
    const broker = await open({ defaultUser: "anna", defaultPassword: "a b" });
    expect(broker.url).toBe(`amqp://anna:a%20b@127.0.0.1:${broker.ports.amqp}`);
    expect(await broker.broker.authenticate("anna", "a b", "192.0.2.1")).not.toBeNull();
    expect(await broker.broker.authenticate("guest", "guest", "127.0.0.1")).toBeNull();
  });

  test("passes limits on to the core", async () => {
    const { broker } = await open({ maxMessageSize: "2MiB", connectionsMax: 3, undurableBytesMax: 4096 });
    expect(broker.limits).toMatchObject({ messageBytesMax: 2 * 1024 ** 2, connectionsMax: 3, undurableBytesMax: 4096 });
  });

  test("a setting that is not allowed is refused by name", async () => {
    await expect(createBroker({ amqpPort: 70_000 })).rejects.toThrow('amqp-port: "70000" is not allowed');
  });
});

describe("listening", () => {
  test(":: serves IPv6 and IPv4 on one port", async () => {
    const { ports } = await open({ bind: ["::"], managementPort: 0 });
    for (const host of ["::1", "127.0.0.1"]) await greet(host, ports.amqp);
    for (const host of ["[::1]", "127.0.0.1"]) {
      expect((await fetch(`http://${host}:${ports.management}/health/ready`)).status, host).toBe(200);
    }
  });

  test("several addresses share one free port, and no other address is served", async () => {
    const { ports } = await open({ bind: ["127.0.0.1", "::1"] });
    for (const host of ["127.0.0.1", "::1"]) await greet(host, ports.amqp);
    await expect(greet("127.0.0.2", ports.amqp)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("a port in use is one line that names it, and nothing stays open", async () => {
    const { ports } = await open();
    const folder = temporaryFolder();
    const clash = { amqpPort: ports.amqp as number, store: "embedded", dataDir: folder };
    await expect(createBroker(clash)).rejects.toThrow(
      `amqp-port: port ${ports.amqp} on 127.0.0.1 is in use by another program`,
    );
    // The data directory is free again.
    await open({ store: "embedded", dataDir: folder });
  });
});

describe("stores", () => {
  test("the embedded store makes its folder", async () => {
    const folder = join(temporaryFolder(), "some", "where");
    await open({ store: "embedded", dataDir: folder });
    expect(existsSync(folder)).toBe(true);
  });

  test("a second broker on a data directory is refused with a line that names it", async () => {
    const folder = temporaryFolder();
    await open({ store: "embedded", dataDir: folder });
    await expect(createBroker({ store: "embedded", dataDir: folder })).rejects.toThrow(
      new RegExp(`^data-dir: .*${folder}`),
    );
  });

  test("a data directory that is a file is refused", async () => {
    const file = fileURLToPath(import.meta.url);
    await expect(createBroker({ store: "embedded", dataDir: file })).rejects.toThrow(
      `data-dir: cannot use ${file}: it is not a folder`,
    );
  });
});

describe("handles", () => {
  test("a program that opens, uses and closes brokers ends by itself", async () => {
    // Node cannot run the sources of 20.19 as they are, so this program runs what `npm run build` made.
    const program = `
      import { createBroker } from "@jackalope/server";
      for (const store of ["memory", "embedded"]) {
        const broker = await createBroker({ store, dataDir: process.argv[1], managementPort: 0 });
        const origin = "http://127.0.0.1:" + broker.ports.management;
        await (await fetch(origin + "/metrics")).text();
        await broker.close();
      }
      console.log("closed");
    `;
    const run = promisify(execFile);
    const cwd = new URL("..", import.meta.url);
    const args = ["--input-type=module", "--eval", program, temporaryFolder()];
    // With a handle left the program would go on until it is killed, and this would reject.
    const { stdout } = await run(process.execPath, args, { cwd, timeout: 10_000 });
    expect(stdout).toBe("closed\n");
  });
});
