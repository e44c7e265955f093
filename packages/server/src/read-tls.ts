import { X509Certificate } from "node:crypto";
import type { TlsOptions } from "node:tls";
import { type Config, kebabName } from "./config/config.ts";
import { readKeyPair, readPem, refuseBadPem } from "./pem-file.ts";
import { StartError } from "./start-error.ts";

/**
 * What the listeners with TLS need, as the settings name it; undefined where there is no certificate. Throws StartError.
 */
export function readTls(config: Config): TlsOptions | undefined {
  const { tlsCertificate, tlsKey, tlsCa } = config;
  if (tlsCertificate === "off" && tlsKey === "off") {
    if (tlsCa !== "off") throw new StartError(`${kebabName("tlsCa")}: there is no tls-certificate`);
    return undefined;
  }
  if (tlsCertificate === "off" || tlsKey === "off") {
    const missing = tlsCertificate === "off" ? "tlsCertificate" : "tlsKey";
    throw new StartError(`${kebabName(missing)}: tls-certificate and tls-key belong together`);
  }
  const tls = readKeyPair(["tlsCertificate", tlsCertificate], ["tlsKey", tlsKey]);
  if (tlsCa === "off") return tls;
  const ca = readPem("tlsCa", tlsCa);
  refuseBadPem("tlsCa", () => new X509Certificate(ca));
  // A client without a certificate of these authorities logs in by password, as everywhere.
  return { ...tls, ca, requestCert: true, rejectUnauthorized: false };
}
