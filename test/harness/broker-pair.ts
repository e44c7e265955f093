import { onTestFinished } from "vitest";
import { Link } from "../soak/stage/link.ts";
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

/** Two brokers on one Redis, and the way of the first, which leads, to it. */
export async function startBrokerPairWithLink(
  args: readonly string[] = [],
): Promise<readonly [ClusterBroker, ClusterBroker, Link]> {
  const redis = await RedisServer.start();
  const [leader, link] = await startBrokerBehindLink(redis, args);
  const standby = await startClusterBroker(redis.address, args);
  await standby.becomes("standby", "leads");
  return [leader, standby, link];
}

/** A broker that leads, and its way to Redis. */
export async function startBrokerBehindLink(
  redis: RedisServer,
  args: readonly string[] = [],
): Promise<readonly [ClusterBroker, Link]> {
  const link = await Link.open(redis.port);
  onTestFinished(() => link.close());
  const broker = await startClusterBroker(redis.address.replace(`:${redis.port}/`, `:${link.port}/`), args);
  await broker.becomes("ready");
  return [broker, link];
}
