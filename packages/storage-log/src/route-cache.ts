import { type MessageFormat, Route } from "@jackalope/core/storage";

const routesMax = 1024;

interface EncodedRoute {
  readonly format: MessageFormat;
  readonly bytes: Uint8Array;
}

/** Exchange, routing key and format id as they stand in a record (layout.ts), made once a route. */
export class RouteEncoder {
  #encoded = new WeakMap<Route, EncodedRoute>();
  #lastRoute: Route | null = null;
  #lastFormat: MessageFormat | null = null;
  #lastBytes: Uint8Array = new Uint8Array(0);

  encode(route: Route, format: MessageFormat): Uint8Array {
    if (route === this.#lastRoute && format === this.#lastFormat) return this.#lastBytes;
    let encoded = this.#encoded.get(route);
    if (encoded === undefined || encoded.format !== format) {
      encoded = { format, bytes: encodeRoute(route.exchange, route.routingKey, format.id) };
      this.#encoded.set(route, encoded);
    }
    this.#lastRoute = route;
    this.#lastFormat = format;
    this.#lastBytes = encoded.bytes;
    return encoded.bytes;
  }
}

function encodeRoute(exchange: string, routingKey: string, formatId: string): Uint8Array {
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
