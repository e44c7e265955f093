import { readFileSync } from "node:fs";
import { createSecureContext, type TlsOptions } from "node:tls";
import type { Config } from "./config/config.ts";
import { kebabName } from "./config/config.ts";
import { StartError } from "./start-error.ts";

/** Certificate and key as the settings name them, undefined where there are none. Throws StartError. */
export function readTls(config: Config): TlsOptions | undefined {
  const { tlsCertificate, tlsKey } = config;
  if (tlsCertificate === "off" && tlsKey === "off") return undefined;
  if (tlsCertificate === "off" || tlsKey === "off") {
    const missing = tlsCertificate === "off" ? "tlsCertificate" : "tlsKey";
    throw new StartError(`${kebabName(missing)}: tls-certificate and tls-key belong together`);
  }
  const tls = { cert: read("tlsCertificate", tlsCertificate), key: read("tlsKey", tlsKey) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new StartError(`tls-certificate: ${(error as Error).message}`, error);
  }
  return tls;
}

function read(name: "tlsCertificate" | "tlsKey", path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(`${kebabName(name)}: cannot read ${path}: ${(error as Error).message}`, error);
  }
}
