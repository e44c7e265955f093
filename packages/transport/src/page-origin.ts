import type { Transport } from "./transport.ts";

/**
 * A page that no setting names. A browser lets every page that somebody opens connect to everything that the browser
 * reaches, in the name of the machine and with its client certificates: such a page is nobody before it shows a password.
 */
export function isUnnamedPage({ origin, originIsNamed }: Pick<Transport, "origin" | "originIsNamed">): boolean {
  return origin !== null && !originIsNamed;
}

/**
 * An unnamed page that was served by another machine. That it runs in a browser on this one does not make it a client of
 * this machine, and what only those may do is not for it.
 */
export function isForeignPage(page: Pick<Transport, "origin" | "originIsNamed">): boolean {
  return isUnnamedPage(page) && !isServedHere(page.origin as string);
}

/** RFC 6761, 6.3: names below `localhost` are this machine. Pages of files and of sandboxes say "null". */
function isServedHere(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return /^(.+\.)?localhost$/.test(hostname) || /^127(\.\d+){3}$/.test(hostname) || hostname === "[::1]";
}
