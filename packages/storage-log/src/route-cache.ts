import { type MessageFormat, Route } from "@jackalope/core/storage";

const routesMax = 1024;

/** A route as it stands in a record, and the same in whole words, the last one filled up: four bytes a store. */
export interface EncodedRoute {
  readonly format: MessageFormat;
  readonly bytes: number;
  readonly words: Uint32Array;
}

/** Exchange, routing key and format id as they stand in a record (layout.ts), made once a route. */
export class RouteEncoder {
  #encoded = new WeakMap<Route, EncodedRoute>();
  #lastRoute: Route | null = null;
  #last: EncodedRoute | null = null;

  encode(route: Route, format: MessageFormat): EncodedRoute {
    const last = this.#last;
    if (route === this.#lastRoute && last !== null && format === last.format) return last;
    let encoded = this.#encoded.get(route);
    if (encoded === undefined || encoded.format !== format) {
      const bytes = encodeRoute(route.exchange, route.routingKey, format.id);
      encoded = { format, bytes: bytes.length, words: wordsOf(bytes) };
      this.#encoded.set(route, encoded);
    }
    this.#lastRoute = route;
    this.#last = encoded;
    return encoded;
  }
}

function wordsOf(bytes: Buffer): Uint32Array {
  const padded = Buffer.alloc((bytes.length + 3) & ~3);
  bytes.copy(padded);
  return Uint32Array.from({ length: padded.length / 4 }, (_, index) => padded.readUInt32LE(index * 4));
}

function encodeRoute(exchange: string, routingKey: string, formatId: string): Buffer {
  const exchangeBytes = Buffer.from(exchange);
  const keyBytes = Buffer.from(routingKey);
  const formatBytes = Buffer.from(formatId);
  if (exchangeBytes.length > 0xffff || keyBytes.length > 0xffff || formatBytes.length > 0xff) {
    throw new RangeError("exchange or routing key over 65,535 bytes");
  }
  const bytes = Buffer.alloc(5 + exchangeBytes.length + keyBytes.length + formatBytes.length);
  let at = bytes.writeUInt16LE(exchangeBytes.length, 0);
  at += exchangeBytes.copy(bytes, at);
  at = bytes.writeUInt16LE(keyBytes.length, at);
  at += keyBytes.copy(bytes, at);
  at = bytes.writeUInt8(formatBytes.length, at);
  formatBytes.copy(bytes, at);
  return bytes;
}

/** Routes read back: messages of one exchange and key share a Route object while the bounded cache remembers it. */
export class RouteDecoder {
  #routes = new Map<string, Route>();
  #lastBytes: Buffer = Buffer.alloc(0);
  #lastRoute: Route = new Route("", "");
  /** Format id of the route decoded last. */
  formatId = "";

  decode(buffer: Buffer, start: number, end: number): Route {
    const last = this.#lastBytes;
    if (last.length > 0 && last.compare(buffer, start, end) === 0) return this.#lastRoute;
    const exchangeEnd = start + 2 + buffer.readUInt16LE(start);
    const keyEnd = exchangeEnd + 2 + buffer.readUInt16LE(exchangeEnd);
    const exchange = buffer.toString("utf8", start + 2, exchangeEnd);
    const routingKey = buffer.toString("utf8", exchangeEnd + 2, keyEnd);
    this.formatId = buffer.toString("utf8", keyEnd + 1, end);
    const name = `${exchange}\0${routingKey}`;
    let route = this.#routes.get(name);
    if (route === undefined) {
      if (this.#routes.size >= routesMax) this.#routes.clear();
      route = new Route(exchange, routingKey);
      this.#routes.set(name, route);
    }
    this.#lastBytes = Buffer.from(buffer.subarray(start, end));
    this.#lastRoute = route;
    return route;
  }
}
