import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/**
 * Common name of the certificate that the client of a TLS socket was verified by. Null for a socket without TLS, a client
 * without a certificate, one whose certificate no known authority signed, and one that has no name or several.
 */
export function peerNameOf(socket: Socket): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  // A resumed session counts as authorized without a certificate too; the subject is missing then.
  const certificate = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: string | string[] } } | null;
  const name = certificate?.subject?.CN;
  return typeof name === "string" && name !== "" ? name : null;
}
