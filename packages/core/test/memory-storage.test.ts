import { storageConformance, type StorageUnderTest } from "@jackalope/testkit";
import { describe } from "vitest";
import { MemoryStorage } from "../src/memory-storage.ts";

const engines: StorageUnderTest[] = [
  {
    name: "memory",
    create: () => Promise.resolve({ engine: () => new MemoryStorage(), discard: () => Promise.resolve() }),
  },
];

describe.each(engines)("storage: $name", storageConformance);
