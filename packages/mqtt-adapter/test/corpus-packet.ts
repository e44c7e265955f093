import type { Version } from "../src/version.ts";
import { join, packet, type Part, properties } from "./packet-builder.ts";

/** A packet from a client, and what the specification says to it. */
export interface CorpusPacket {
  readonly name: string;
  readonly version: Version;
  readonly bytes: Buffer;
  /** Why it is refused: reason code and clause. */
  readonly refused?: readonly [reasonCode: number, clause: string];
  /** What mqtt-packet does where that is something else, and the clause that says so where we take the packet. */
  readonly parser?: "accepts" | "refuses";
  readonly clause?: string;
}

/** The packet identifier that all packets of the corpus have. */
export const id7: Buffer = join(0, 7);
/** No properties. */
export const none: Buffer = properties();

interface ConnectParts {
  readonly name?: string;
  readonly level?: number;
  readonly flags?: number;
  readonly tail?: readonly Part[];
}

/** A CONNECT, of 3.1.1 where it does not say otherwise. */
export function connect(parts: ConnectParts = {}): Buffer {
  const { name = "MQTT", level = 4, flags = 2, tail = ["client"] } = parts;
  return packet(0x10, name, level, flags, 0, 60, ...tail);
}

/** A CONNECT of version 5. */
export function connect5(connectProperties: Buffer, flags = 2, ...tail: readonly Part[]): Buffer {
  return connect({ level: 5, flags, tail: [connectProperties, ...(tail.length === 0 ? ["client"] : tail)] });
}

/** What a CONNECT of 3.1 differs in. */
export const old = { name: "MQIsdp", level: 3 };
