export { FakeClock } from "./fake-clock.ts";
export { OpenedStorage, type RecoveredMessage } from "./opened-storage.ts";
export { storageConformance, type StoragePlace, type StorageUnderTest } from "./storage-conformance.ts";
export { testFormat, testMessage } from "./test-format.ts";
export { type DeathMoment, type DiskOperation, FaultyDisk } from "./faulty-disk.ts";
export { FaultyFile, type Survival } from "./faulty-file.ts";
export { certificate, clientCertificate, clientPrivateKey, privateKey } from "./tls-certificate.ts";
