import { kebabName } from "./config/config.ts";
import { StartError, systemErrorCode } from "./start-error.ts";

/** What can accept on several addresses: an adapter, the HTTP side. */
export interface Listener {
  /** Accepts on `host` and tells the port, which is another than `port` where that is 0. */
  listen(options: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
}

/**
 * Accepts on every address with one port: where `port` is 0, the free one that the first address got. `key` is the
 * setting of the port, for errors. Throws StartError.
 */
export async function listenEverywhere(
  listener: Listener,
  addresses: readonly string[],
  port: number,
  key: string,
): Promise<number> {
  let actualPort = port;
  for (const address of addresses) actualPort = await listenOn(listener, address, actualPort, key);
  return actualPort;
}

async function listenOn(listener: Listener, address: string, port: number, key: string): Promise<number> {
  try {
    return (await listener.listen({ host: address, port })).port;
  } catch (error) {
    const code = systemErrorCode(error);
    // `::` takes IPv4 as well; a machine without IPv6 does not know it.
    if (address === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) {
      return listenOn(listener, "0.0.0.0", port, key);
    }
    throw new StartError(`${kebabName(key)}: ${explain(code, address, port, error)}`, error);
  }
}

function explain(code: string, address: string, port: number, error: unknown): string {
  if (code === "EADDRINUSE") return `port ${port} on ${address} is in use by another program`;
  if (code === "EACCES") return `this user may not listen on port ${port}`;
  if (code === "EADDRNOTAVAIL") return `${address} is not an address of this machine (bind)`;
  return `cannot listen on port ${port} of ${address}: ${(error as Error).message}`;
}
