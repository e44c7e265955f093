export { FakeClock } from "./fake-clock.ts";
export { OpenedStorage, type RecoveredMessage } from "./opened-storage.ts";
export { storageConformance, type StoragePlace, type StorageUnderTest } from "./storage-conformance.ts";
export { testFormat, testMessage } from "./test-format.ts";
