const tlsHandshake = 0x16;
const tlsMajorVersion = 3;
const httpMethods = ["GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE"];
const methodBytes = 4;

/**
 * For the log: what a client speaks that has taken a port of `protocol` for another one, by the first bytes that it sent
 * (from `start` on, at least one). Null where they look like nothing that is known.
 */
export function foreignProtocol(bytes: Buffer, protocol: string, start = 0): string | null {
  const second = bytes[start + 1];
  if (bytes[start] === tlsHandshake && (second === undefined || second === tlsMajorVersion)) {
    return `a TLS handshake on a port that speaks plain ${protocol}`;
  }
  const method = bytes.toString("latin1", start, start + methodBytes);
  return httpMethods.includes(method) ? `an HTTP request on a port that speaks ${protocol}` : null;
}
