import { join } from "node:path";
import type { Peer, PeerPlace, RunningPeer } from "../peer.ts";
import { RedisServer, redisVersion } from "../redis-server.ts";
import { startJackalopeOn } from "./jackalope.ts";

/** The broker of this checkout with its store in a Redis of its own, which syncs its append-only file every second. */
export const jackalopeRedis: Peer = {
  name: "jackalope-redis",
  find(): string | null {
    const version = redisVersion();
    return version === null ? null : `jackalope on Redis ${version}`;
  },
  async start(place: PeerPlace): Promise<RunningPeer> {
    const redis = await RedisServer.start(join(place.directory, "redis"));
    const broker = await startJackalopeOn(redis.address, place);
    return {
      ...broker,
      name: "jackalope-redis",
      storeProcessId: redis.processId,
      async stop(): Promise<void> {
        await broker.stop();
        await redis.stop();
      },
      async kill(): Promise<void> {
        await broker.kill();
        await redis.stop();
      },
    };
  },
};
