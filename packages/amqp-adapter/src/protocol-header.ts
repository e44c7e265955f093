import { foreignProtocol } from "@jackalope/transport";

/** The eight bytes that begin a connection (AMQP 0-9-1, 4.2.2). */
export const protocolHeader: Buffer = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** AMQP 0-9 as its first clients wrote it; the methods are the same. */
const earlyHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 1, 1, 0, 9]);

/** Whether the bytes, at least one, are this protocol's header: "partial" where more must come, else what they are. */
export function recognize(
  bytes: Buffer,
): { readonly kind: "amqp" | "partial" } | { readonly kind: "other"; what: string } {
  for (const header of [protocolHeader, earlyHeader]) {
    const length = Math.min(bytes.length, header.length);
    if (header.compare(bytes, 0, length, 0, length) !== 0) continue;
    return { kind: length === header.length ? "amqp" : "partial" };
  }
  return { kind: "other", what: nameOf(bytes) };
}

function nameOf(bytes: Buffer): string {
  const foreign = foreignProtocol(bytes, "AMQP 0-9-1");
  if (foreign !== null) return foreign;
  const start = bytes.toString("latin1", 0, 4);
  if (start === "AMQP") return `AMQP version bytes ${[...bytes.subarray(4, 8)].join(" ")}, this port speaks 0 0 9 1`;
  return `bytes that are no AMQP header (${bytes.toString("hex", 0, 8)})`;
}
