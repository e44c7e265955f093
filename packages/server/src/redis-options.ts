import { X509Certificate } from "node:crypto";
import { bodyBytesMax, type RedisStorageOptions, type RedisTls } from "@jackalope/storage-redis";
import { type Config, kebabName } from "./config/config.ts";
import { configKeys } from "./config/config-keys.ts";
import { readKeyPair, readPem, refuseBadPem } from "./pem-file.ts";
import { StartError } from "./start-error.ts";

/** What the settings say about a store in Redis. Throws StartError where it cannot be: a certificate, or the message size. */
export function redisOptions(config: Config): RedisStorageOptions {
  if (config.maxMessageSize > bodyBytesMax) {
    const { format } = configKeys.maxMessageSize.kind;
    const [given, most] = [format(config.maxMessageSize), format(bodyBytesMax)];
    throw new StartError(`max-message-size: ${given} is more than Redis can store; at most ${most} with --store redis`);
  }
  const { redisSentinelUser: user, redisSentinelPassword: password } = config;
  return {
    address: config.store,
    cluster: config.clusterName,
    leaseMs: config.redisLease,
    waitReplicas: config.redisWaitReplicas,
    waitAof: config.redisWaitAof,
    answerTimeoutMs: config.redisTimeout,
    tls: readRedisTls(config),
    ...(user === "off" ? {} : { sentinelUserName: user }),
    ...(password === "off" ? {} : { sentinelPassword: password }),
  };
}

function readRedisTls(config: Config): RedisTls {
  const { redisTlsCa: ca, redisTlsServerName: serverName } = config;
  return {
    ...(ca === "off" ? {} : { ca: readAuthorities(ca) }),
    ...readOwnCertificate(config),
    ...(serverName === "off" ? {} : { serverName }),
  };
}

function readAuthorities(path: string): string {
  const ca = readPem("redisTlsCa", path);
  refuseBadPem("redisTlsCa", () => new X509Certificate(ca));
  return ca.toString();
}

function readOwnCertificate({ redisTlsCertificate, redisTlsKey }: Config): Pick<RedisTls, "certificate" | "key"> {
  if (redisTlsCertificate === "off" && redisTlsKey === "off") return {};
  if (redisTlsCertificate === "off" || redisTlsKey === "off") {
    const missing = redisTlsCertificate === "off" ? "redisTlsCertificate" : "redisTlsKey";
    throw new StartError(`${kebabName(missing)}: redis-tls-certificate and redis-tls-key belong together`);
  }
  const { cert, key } = readKeyPair(["redisTlsCertificate", redisTlsCertificate], ["redisTlsKey", redisTlsKey]);
  return { certificate: cert.toString(), key: key.toString() };
}
