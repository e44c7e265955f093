import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Config, kebabName } from "./config/config.ts";
import { StartError } from "./start-error.ts";

/** Settings that name a file in PEM. */
export type PemKey = Extract<keyof Config, `${"tls" | "redisTls"}${"Ca" | "Certificate" | "Key"}`>;

/** A setting and the file that it names. */
type PemPlace = readonly [name: PemKey, path: string];

/** Reads the file that a setting names. Throws StartError. */
export function readPem(name: PemKey, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(`${kebabName(name)}: cannot read ${path}: ${(error as Error).message}`, error);
  }
}

/** What `parse` throws as a StartError. */
export function refuseBadPem(name: PemKey, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new StartError(`${kebabName(name)}: ${(error as Error).message}`, error);
  }
}

/** A certificate, with its chain, and its private key. */
interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads a certificate and its key, `path` a setting. Throws StartError, where they do not belong together too. */
export function readKeyPair(certificate: PemPlace, key: PemPlace): KeyPair {
  const pair = { cert: readPem(...certificate), key: readPem(...key) };
  refuseBadPem(certificate[0], () => new X509Certificate(pair.cert));
  refuseBadPem(key[0], () => createPrivateKey(pair.key));
  // OpenSSL itself minds only where both are of one kind: with a key of another it would refuse every client.
  if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) {
    const theKey = `${key[1]} (${kebabName(key[0])})`;
    throw new StartError(`${kebabName(certificate[0])}: the key in ${theKey} does not fit ${certificate[1]}`);
  }
  refuseBadPem(certificate[0], () => createSecureContext(pair));
  return pair;
}
