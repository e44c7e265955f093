/** The storage engine that keeps everything in Redis Streams, and the lease that says which broker leads. */
export { parseRedisAddress, type RedisAddress, type RedisHost } from "./address.ts";
export { bodyBytesMax } from "./layout.ts";
export type { RedisTls } from "./redis-client.ts";
export { CorruptStreamError, LeaseLostError, StoreClosedError, UnsuitableRedisError } from "./redis-error.ts";
export { openRedisStorage } from "./redis-storage.ts";
export type { RedisStorageOptions } from "./redis-storage-options.ts";
