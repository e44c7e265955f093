import { type ClusterBroker, startClusterBroker } from "./cluster-broker.ts";
import { RedisServer } from "./redis-server.ts";

/** Two brokers on one Redis: the first leads, the second stands by. */
export async function startBrokerPair(
  args: readonly string[] = [],
): Promise<readonly [ClusterBroker, ClusterBroker, RedisServer]> {
  const redis = await RedisServer.start();
  const leader = await startClusterBroker(redis.address, args);
  await leader.becomes("ready");
  const standby = await startClusterBroker(redis.address, args);
  await standby.becomes("standby", "leads");
  return [leader, standby, redis];
}
