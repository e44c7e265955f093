import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStorage } from "@jackalope/core";
import type { RecoveryVisitor, StorageListener } from "@jackalope/core/storage";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createBroker, type EmbeddedBroker } from "../src/index.ts";
import { freePort } from "@jackalope/testkit/free-port";

/** Keeps nothing, recovers when it is let, and fails when it is told. */
class TestStorage extends MemoryStorage {
  listener: StorageListener | null = null;
  readonly #let: Promise<void>;

  constructor(recovers: Promise<void> = Promise.resolve()) {
    super();
    this.#let = recovers;
  }

  override async recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void> {
    this.listener = listener;
    await this.#let;
    return super.recover(listener, visitor);
  }
}

let broker: EmbeddedBroker | null = null;

afterEach(async () => {
  await broker?.close();
  broker = null;
});

async function readiness(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
  const body = (await response.json()) as { status: string; reason?: string };
  return `${response.status} ${body.reason ?? body.status}`;
}

describe("GET /health/ready", () => {
  test("is 503 while the store recovers, and 200 afterwards", async () => {
    let letRecover = (): void => {};
    const storage = new TestStorage(
      new Promise((resolve) => {
        letRecover = resolve;
      }),
    );
    const port = await freePort();
    const opening = createBroker({ storage, managementPort: port });
    await vi.waitFor(async () => expect(await readiness(port)).toBe("503 the broker is starting"), { timeout: 5000 });
    expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    letRecover();
    broker = await opening;
    expect(await readiness(port)).toBe("200 ready");
  });

  test("is 503 while the store cannot write", async () => {
    const storage = new TestStorage();
    broker = await createBroker({ storage, managementPort: 0 });
    const port = broker.ports.management ?? 0;
    storage.listener?.failed(new Error("no space left on device"));
    expect(await readiness(port)).toBe("503 the store cannot write");
    storage.listener?.recovered();
    expect(await readiness(port)).toBe("200 ready");
  });
});

test("GET /health/ready is 200 during an alarm, and says it", async () => {
  broker = await createBroker({ memoryHighWatermark: "1MiB", managementPort: 0 });
  const response = await fetch(`http://127.0.0.1:${broker.ports.management}/health/ready`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    status: "ready",
    alarms: [{ kind: "memory", source: "alive", facts: { memoryBytesMax: 1024 ** 2 } }],
  });
});

test("watermarks in the settings raise the alarms of a running broker", async () => {
  broker = await createBroker({ memoryHighWatermark: "1MiB" });
  expect(broker.broker.alarms.reason).toBe("low on memory");
});

test("the disk limit looks at the disk of the data directory", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "jackalope-disk-"));
  try {
    broker = await createBroker({ store: "embedded", dataDir, diskFreeLimit: "900TB" });
    expect(broker.broker.alarms.reason).toBe("low on disk");
    await broker.close();
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
