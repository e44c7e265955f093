import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { RedisStorageOptions, RedisTls } from "@jackalope/storage-redis";
import { type Config, kebabName } from "./config/config.ts";
import { readPem, refuseBadPem } from "./pem-file.ts";
import { StartError } from "./start-error.ts";

/** What the settings say about a store in Redis. Throws StartError where a certificate is no good. */
export function redisOptions(config: Config): RedisStorageOptions {
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
  const certificate = readPem("redisTlsCertificate", redisTlsCertificate);
  const key = readPem("redisTlsKey", redisTlsKey);
  refuseBadPem("redisTlsCertificate", () => createSecureContext({ cert: certificate, key }));
  return { certificate: certificate.toString(), key: key.toString() };
}
