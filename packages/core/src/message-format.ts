import type { Properties } from "./properties.ts";

/**
 * How one protocol writes the properties of a message. The native form is always bytes, exactly those the sender put
 * on the wire, so that delivery in the same protocol, storing and paging are copies without a decode.
 *
 * One per protocol, N of them, never N x N: other protocols go through `Properties`.
 */
export interface MessageFormat {
  /** Stored on disk beside every message: never rename. */
  readonly id: string;
  /** True where header values have types; without, they are all text. */
  readonly typed?: boolean;
  /** Decodes native bytes. Called only when somebody asks. */
  toProperties(native: Uint8Array): Properties;
  /** Encodes neutral properties into native bytes. What the protocol cannot carry is listed in docs/conversion.md. */
  fromProperties(properties: Properties): Uint8Array;
}

const formats = new Map<string, MessageFormat>();

/** Makes a format known by its id, so that stored messages find it again. Registering the same object twice is fine. */
export function registerMessageFormat(format: MessageFormat): void {
  const existing = formats.get(format.id);
  if (existing !== undefined && existing !== format)
    throw new Error(`message format '${format.id}' is registered twice`);
  formats.set(format.id, format);
}

/** The format stored under `id`. Throws where no adapter registered it: the data needs an adapter that is not loaded. */
export function messageFormat(id: string): MessageFormat {
  const format = formats.get(id);
  if (format === undefined) throw new Error(`no adapter is loaded for stored messages of format '${id}'`);
  return format;
}
