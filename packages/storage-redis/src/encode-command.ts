import type { Argument } from "./redis-client.ts";

/** Shorter parts are copied together: each part of a write costs about as much as copying a kilobyte. */
const partBytesMin = 2048;

/**
 * A command as it goes to Redis, in parts that stand for themselves in memory: large arguments are not copied, and must
 * stay as they are until they are written.
 */
export function encodeCommand(name: string, args: readonly Argument[]): Buffer[] {
  const parts: Buffer[] = [];
  let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
  let small: Buffer[] = [];
  const flush = (): void => {
    const tail = Buffer.from(text);
    parts.push(small.length === 0 ? tail : Buffer.concat([...small, tail]));
    small = [];
    text = "";
  };
  for (const arg of args) {
    if (typeof arg === "string" || typeof arg === "number") {
      const value = String(arg);
      text += `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
      continue;
    }
    text += `$${arg.length}\r\n`;
    if (arg.length >= partBytesMin) {
      flush();
      parts.push(arg);
    } else {
      small.push(Buffer.from(text), arg);
      text = "";
    }
    text += "\r\n";
  }
  if (text !== "" || small.length > 0) flush();
  return parts;
}
