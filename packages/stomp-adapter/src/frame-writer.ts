import type { Outbox } from "@jackalope/core/adapter";
import { escapeText } from "./escaping.ts";
import type { Version } from "./version.ts";

/** Header lines of a frame of ours, in order. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Bytes behind a frame: its NUL, and a line feed for clients that read lines. */
export const frameEndBytes = 2;

/** Writes CONNECTED (which never escapes: `version` null), RECEIPT or ERROR. MESSAGE has a writer of its own. */
export function writeFrame(
  outbox: Outbox,
  version: Version | null,
  command: string,
  headers: HeaderList,
  body = "",
): void {
  const text = frameText(version, command, headers, body);
  const bytes = Buffer.byteLength(text);
  outbox.reserve(bytes);
  outbox.buffer.write(text, outbox.position);
  outbox.position += bytes;
}

/** The same frame as text. */
export function frameText(version: Version | null, command: string, headers: HeaderList, body: string): string {
  const escape = (text: string): string => escapeText(text, version ?? "1.0");
  let head = `${command}\n`;
  for (const [name, value] of headers) head += `${name}:${escape(value)}\n`;
  if (body !== "") head += `content-length:${Buffer.byteLength(body)}\n`;
  return `${head}\n${body}\0\n`;
}

const receiptStart = "RECEIPT\nreceipt-id:";
const receiptEnd = "\n\n\0\n";

/** Writes a RECEIPT; `receipt` is the header's value as it came, one character a byte. */
export function writeReceipt(outbox: Outbox, receipt: string): void {
  const bytes = receiptStart.length + receipt.length + receiptEnd.length;
  outbox.reserve(bytes);
  outbox.buffer.write(receiptStart + receipt + receiptEnd, outbox.position, "latin1");
  outbox.position += bytes;
}

/** Writes a heart-beat. */
export function writeHeartbeat(outbox: Outbox): void {
  outbox.reserve(1);
  outbox.buffer[outbox.position++] = 0x0a;
}
