import { findField } from "@jackalope/core/adapter";
import { decodeFields } from "./field-table.ts";

/** Names a client may give in start-ok, as connection.start lists them. */
export const mechanisms = "PLAIN AMQPLAIN";

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Reads the response of a mechanism: credentials, null where it is malformed, undefined for an unknown mechanism. */
export function readCredentials(mechanism: string, response: Buffer): Credentials | null | undefined {
  switch (mechanism) {
    case "PLAIN":
      return readPlain(response);
    case "AMQPLAIN":
      return readAmqPlain(response);
    default:
      return undefined;
  }
}

/** RFC 4616: [authorization identity] NUL name NUL password. */
function readPlain(response: Buffer): Credentials | null {
  const nameStart = response.indexOf(0) + 1;
  if (nameStart === 0) return null;
  const nameEnd = response.indexOf(0, nameStart);
  if (nameEnd === -1 || response.includes(0, nameEnd + 1)) return null;
  return { name: response.toString("utf8", nameStart, nameEnd), password: response.toString("utf8", nameEnd + 1) };
}

/** The fields of a table, without its size, with LOGIN and PASSWORD (AMQP 0-8's own mechanism). */
function readAmqPlain(response: Buffer): Credentials | null {
  const table = decodeFields(response, 0, response.length);
  const name = findField(table, "LOGIN");
  const password = findField(table, "PASSWORD");
  if (name?.kind !== "string" || password?.kind !== "string") return null;
  return { name: name.value, password: password.value };
}
