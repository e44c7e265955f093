import { Message, messageFormat, Route } from "@jackalope/core/storage";
import { indexBytes, persistentFlag } from "./layout.ts";
import { CorruptIndexError } from "./redis-error.ts";

/** One message of an entry as its index tells it. Reused from one to the next. */
export class IndexRow {
  lsn = 0;
  flags = 0;
  priority = 0;
  /** The number of its queue set from 1, 0 outside of the shared stream. */
  queueSet = 0;
  route = 0;
  keysBytes = 0;
  nativeBytes = 0;
  bodyBytes = 0;
  expirationMs = -1;
  publishedAtMs = 0;
  /** Where its part of the data begins. */
  dataStart = 0;
}

/** Walks the index of an entry. Throws CorruptIndexError where it does not go with `dataBytes` of data. */
export function forEachRow(
  index: Buffer,
  firstLsn: number,
  dataBytes: number,
  visit: (row: IndexRow, place: number) => void,
): void {
  if (index.length % indexBytes !== 0) throw new CorruptIndexError("the index is cut off");
  const row = new IndexRow();
  let dataStart = 0;
  let lastLsn = firstLsn - 1;
  for (let at = 0, place = 0; at < index.length; at += indexBytes, place++) {
    row.lsn = firstLsn + index.readUInt32LE(at);
    row.flags = index[at + 4] as number;
    row.priority = index[at + 5] as number;
    row.queueSet = index.readUInt16LE(at + 6);
    row.route = index.readUInt32LE(at + 8);
    row.keysBytes = index.readUInt32LE(at + 12);
    row.nativeBytes = index.readUInt32LE(at + 16);
    row.bodyBytes = index.readUInt32LE(at + 20);
    row.expirationMs = index.readDoubleLE(at + 24);
    row.publishedAtMs = index.readDoubleLE(at + 32);
    row.dataStart = dataStart;
    checkRow(row, lastLsn);
    lastLsn = row.lsn;
    dataStart += row.keysBytes + row.nativeBytes + row.bodyBytes;
    visit(row, place);
  }
  if (dataStart !== dataBytes) {
    throw new CorruptIndexError(`it has ${dataBytes} bytes of messages, and ${dataStart} by its index`);
  }
}

/** Numbers that no commit writes, and that would do harm far from here. */
function checkRow({ lsn, expirationMs, publishedAtMs }: IndexRow, lastLsn: number): void {
  if (lsn <= lastLsn) throw new CorruptIndexError("its messages are out of order");
  if (!(expirationMs >= -1 && Number.isFinite(expirationMs))) {
    throw new CorruptIndexError(`a message of it expires in ${expirationMs} ms`);
  }
  if (!(publishedAtMs >= 0 && Number.isFinite(publishedAtMs))) {
    throw new CorruptIndexError(`a message of it was published at ${publishedAtMs} ms`);
  }
}

type StoredRoute = readonly [exchange: string, routingKey: string, formatId: string];

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function routesOf(text: string): readonly StoredRoute[] {
  const routes: unknown = parsed(text, "routes");
  const isRoute = (route: unknown): boolean => Array.isArray(route) && route.length === 3 && route.every(isText);
  if (!Array.isArray(routes) || !routes.every(isRoute)) throw new CorruptIndexError("its routes are none");
  return routes as StoredRoute[];
}

function keysOf(text: string): string[] {
  const keys: unknown = parsed(text, "further keys");
  if (!Array.isArray(keys) || !keys.every(isText)) throw new CorruptIndexError("its further keys are none");
  return keys;
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CorruptIndexError(`its ${what} are no JSON`, { cause: error });
  }
}

/** Routes that were read are shared by the messages on them, up to this many. */
const routesMax = 1024;

/** Makes messages of entries. */
export class EntryReader {
  #routes = new Map<string, Route>();

  /**
   * The messages with these Lsns, by Lsn. `data` is copied: a message must not keep the others of its entry. Throws
   * CorruptIndexError.
   */
  read(
    fields: { readonly index: Buffer; readonly routes: string; readonly data: Buffer },
    firstLsn: number,
    wanted: ReadonlySet<number>,
    into: Map<number, Message>,
  ): void {
    const routes = routesOf(fields.routes);
    const { data } = fields;
    forEachRow(fields.index, firstLsn, data.length, (row) => {
      if (!wanted.has(row.lsn)) return;
      const stored = routes[row.route];
      if (stored === undefined) throw new CorruptIndexError(`it has no route ${row.route}`);
      const [exchange, routingKey, formatId] = stored;
      const { nativeBytes } = row;
      const nativeStart = row.dataStart + row.keysBytes;
      const bytes = Buffer.from(data.subarray(nativeStart, nativeStart + nativeBytes + row.bodyBytes));
      const route = this.#route(exchange, routingKey);
      const message = new Message(route, messageFormat(formatId), bytes, 0, nativeBytes, nativeBytes, bytes.length);
      message.owned = true;
      message.persistent = (row.flags & persistentFlag) !== 0;
      message.priority = row.priority;
      message.expirationMs = row.expirationMs;
      message.publishedAtMs = row.publishedAtMs;
      message.lsn = row.lsn;
      if (row.keysBytes > 0) {
        message.extraKeys = keysOf(data.toString("utf8", row.dataStart, nativeStart));
      }
      into.set(row.lsn, message);
    });
  }

  #route(exchange: string, routingKey: string): Route {
    const name = `${exchange}\0${routingKey}`;
    let route = this.#routes.get(name);
    if (route === undefined) {
      if (this.#routes.size >= routesMax) this.#routes = new Map();
      this.#routes.set(name, (route = new Route(exchange, routingKey)));
    }
    return route;
  }
}
