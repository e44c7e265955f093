import type { StorageEngine } from "@jackalope/core/storage";
import { afterEach, beforeEach, describe } from "vitest";
import { OpenedStorage } from "./opened-storage.ts";
import type { ConformanceContext } from "./storage/conformance-context.ts";
import { reading, readingMany } from "./storage/reading.ts";
import { restarting, restartingDefinitions } from "./storage/restarting.ts";
import { writing } from "./storage/writing.ts";

/** One place where an engine keeps things: a directory, a database, nothing at all. */
export interface StoragePlace {
  /** A new engine on the place, not recovered yet. The one before is closed. */
  engine(): StorageEngine;
  discard(): Promise<void>;
}

export interface StorageUnderTest {
  readonly name: string;
  /** An empty place. */
  create(): Promise<StoragePlace>;
}

/** The specification of `StorageEngine`: `describe.each(engines)("storage: $name", storageConformance)`. */
export function storageConformance(subject: StorageUnderTest): void {
  let place: StoragePlace;
  let store: OpenedStorage;
  const context: ConformanceContext = {
    get store() {
      return store;
    },
    async reopen() {
      await store.engine.close();
      store = await OpenedStorage.open(place.engine());
      return store;
    },
  };

  beforeEach(async () => {
    place = await subject.create();
    store = await OpenedStorage.open(place.engine());
  });
  afterEach(async () => {
    await store.engine.close();
    await place.discard();
  });

  describe("writing", () => writing(context));
  describe("reading", () => reading(context));
  describe("reading many", () => readingMany(context));
  describe("after a restart", () => restarting(context));
  describe("after a restart, beyond messages", () => restartingDefinitions(context));
}
