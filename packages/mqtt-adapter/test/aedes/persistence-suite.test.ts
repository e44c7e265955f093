import { createRequire } from "node:module";
import { Broker, MemoryStorage } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { openLogStorage } from "@jackalope/storage-log";
import { FaultyDisk } from "@jackalope/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { createAedesPersistence } from "../../src/aedes/index.ts";
import { type PublicSuite, suiteTest } from "./public-suite.ts";

const require = createRequire(import.meta.url);
/** The suite as its package publishes it, without types. */
const abstractPersistence = require("aedes-persistence/abstract.js") as PublicSuite;

const engines: readonly (readonly [name: string, open: () => StorageEngine])[] = [
  ["memory", () => new MemoryStorage()],
  ["the embedded log", () => openLogStorage({ directory: "/data", files: new FaultyDisk().process() })],
];

const brokers: Broker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.close();
});

describe.each(engines)("aedes-persistence's suite, on %s", (_, open) => {
  const suite = suiteTest();
  abstractPersistence({
    test: suite.test,
    testAsync: true,
    persistence: async () => {
      const broker = await Broker.open({ storage: open() });
      brokers.push(broker);
      return createAedesPersistence({ broker });
    },
  });

  test("is whole", () => {
    expect(suite.names.length).toBe(50);
  });
});
