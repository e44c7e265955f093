import { type Channel, Message, type Properties, type Route, Tab } from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";
import { frameTypes } from "./codec.ts";
import { ContentAssembly } from "./content-assembly.ts";
import { cannotDecode, unknownFrame } from "./frame-error.ts";
import { amqpFormat, encodeAddress } from "./mapping.ts";
import { decodeShortString } from "./methods/method-codec.ts";
import { PublishFacts } from "./publish-facts.ts";
import { sameBytes, type RecentRoutes } from "./recent-routes.ts";
import { copyRoutes, withoutBlindCopies } from "./sender-selected-routes.ts";

/** What a publication needs of its connection. */
export interface PublisherContext {
  readonly routes: RecentRoutes;
  /** The authenticated user's name and whether it may publish in the name of others (tag `impersonator`). */
  readonly userName: string;
  readonly impersonator: boolean;
  readonly messageBytesMax: number;
  /** Set at each publish; the connection looks at it after a chunk. */
  published: boolean;
}

const mandatoryBit = 1;
const immediateBit = 2;
const basicClassId = 60;
/** Class, weight and body size before the flags of a content header. */
const headerPrefixBytes = 12;

/** The 64 bit body size; readUInt32BE checks what is known here. */
function readBodyBytes(bytes: Buffer, at: number): number {
  const low =
    (((bytes[at + 4] as number) << 24) |
      ((bytes[at + 5] as number) << 16) |
      ((bytes[at + 6] as number) << 8) |
      (bytes[at + 7] as number)) >>>
    0;
  const zeros =
    (bytes[at] as number) | (bytes[at + 1] as number) | (bytes[at + 2] as number) | (bytes[at + 3] as number);
  return zeros === 0 ? low : bytes.readUInt32BE(at) * 0x1_0000_0000 + low;
}

/**
 * The publishing side of one channel: basic.publish, content header, content body. The usual publisher repeats itself,
 * so exchange and key are compared as bytes with those of the last publish, properties with the last properties, and
 * the message is two ranges of the chunk that the socket brought.
 */
export class Publication {
  readonly #channel: Channel;
  readonly #context: PublisherContext;
  readonly #facts: PublishFacts = new PublishFacts();
  #route: Route | null = null;
  #mandatory = false;
  #assembly: ContentAssembly | null = null;
  /** Pays for it. */
  readonly #tab: Tab;
  #headerBytes: Buffer | null = null;
  #nativeStart = 0;
  #nativeEnd = 0;
  #bodyBytes = 0;

  constructor(channel: Channel, context: PublisherContext) {
    this.#channel = channel;
    this.#context = context;
    this.#tab = new Tab(channel.connection.payer);
  }

  /** Takes the arguments of basic.publish. Throws 404 or 403 from the core, 540 for immediate. */
  onMethod(bytes: Buffer, start: number, end: number): void {
    const addressStart = start + 2;
    const keyLengthAt = addressStart + 1 + (bytes[addressStart] as number);
    const addressEnd = keyLengthAt + 1 + (bytes[keyLengthAt] as number);
    if (addressEnd + 1 !== end) throw cannotDecode(bytes, start, end);
    const bits = bytes[addressEnd] as number;
    if ((bits & immediateBit) !== 0) throw new AmqpError(replyCodes.notImplemented, "immediate=true");
    this.#mandatory = (bits & mandatoryBit) !== 0;
    this.#context.published = true;
    const route = this.#route;
    if (route === null || !sameBytes(route.wire as Uint8Array, bytes, addressStart, addressEnd))
      this.#route = this.#findRoute(bytes, addressStart, addressEnd);
  }

  /** Takes the content header; true where the message is complete, having no body. */
  onHeader(bytes: Buffer, start: number, end: number): boolean {
    const nativeStart = start + headerPrefixBytes;
    if (nativeStart > end) throw unknownFrame(frameTypes.header, bytes, start, end);
    const classId = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
    const weight = ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number);
    if (classId !== basicClassId || weight !== 0) {
      const text = `expected content header for class ${basicClassId}, got one for class ${classId} instead`;
      throw new AmqpError(replyCodes.unexpectedFrame, text);
    }
    const bodyBytes = readBodyBytes(bytes, start + 4);
    if (bodyBytes > this.#context.messageBytesMax) this.#refuseSize(bodyBytes);
    this.#facts.read(bytes, nativeStart, end);
    if (bodyBytes === 0) {
      this.#publish(new Message(this.#route as Route, amqpFormat, bytes, nativeStart, end, end, end));
      return true;
    }
    this.#headerBytes = bytes;
    this.#nativeStart = nativeStart;
    this.#nativeEnd = end;
    this.#bodyBytes = bodyBytes;
    return false;
  }

  /** Takes a body frame; true where the message is complete. */
  onBody(bytes: Buffer, start: number, end: number): boolean {
    const assembly = this.#assembly;
    if (assembly === null && end - start === this.#bodyBytes) {
      const header = this.#headerBytes as Buffer;
      this.#headerBytes = null;
      if (header === bytes) {
        const route = this.#route as Route;
        this.#publish(new Message(route, amqpFormat, bytes, this.#nativeStart, this.#nativeEnd, start, end));
        return true;
      }
      this.#headerBytes = header;
    }
    return this.#gather(bytes, start, end);
  }

  #gather(bytes: Buffer, start: number, end: number): boolean {
    let assembly = this.#assembly;
    if (assembly === null) {
      assembly = this.#begin(this.#headerBytes as Buffer);
      this.#assembly = assembly;
      this.#headerBytes = null;
    }
    if (!assembly.add(bytes, start, end)) return false;
    this.#assembly = null;
    this.#publish(assembly.message(this.#route as Route));
    return true;
  }

  #begin(header: Buffer): ContentAssembly {
    return new ContentAssembly(header, this.#nativeStart, this.#nativeEnd, this.#bodyBytes, this.#tab);
  }

  /** The channel ends: what has come of a message is dropped. */
  close(): void {
    this.#assembly = null;
    this.#tab.settle();
  }

  #refuseSize(bodyBytes: number): never {
    const max = this.#context.messageBytesMax;
    const text = `message size ${bodyBytes} is larger than configured max size ${max}`;
    throw new AmqpError(replyCodes.preconditionFailed, text);
  }

  #findRoute(bytes: Buffer, start: number, end: number): Route {
    const routes = this.#context.routes;
    const known = routes.find(bytes, start, end);
    if (known !== null) return known;
    this.#route = null;
    const exchangeEnd = start + 1 + (bytes[start] as number);
    const exchange = decodeShortString(bytes, start + 1, exchangeEnd);
    const route = this.#channel.route(exchange, decodeShortString(bytes, exchangeEnd + 1, end));
    route.wire ??= encodeAddress(route.exchange, route.routingKey);
    routes.remember(route);
    return route;
  }

  #publish(message: Message): void {
    const channel = this.#channel;
    const facts = this.#facts;
    message.persistent = facts.persistent;
    message.priority = facts.priority;
    message.expirationMs = facts.expirationMs;
    if (!channel.stillValid(message.route)) return this.#publishAnew(message);
    if (facts.special) return this.#publishSpecial(message);
    channel.publish(message.route, message, this.#mandatory);
  }

  /** The topology changed since the route was found. */
  #publishAnew(stale: Message): void {
    const old = stale.route;
    const route = this.#channel.route(old.exchange, old.routingKey);
    route.wire ??= encodeAddress(route.exchange, route.routingKey);
    if (route !== old) this.#context.routes.remember(route);
    this.#route = route;
    const { bytes, nativeStart, nativeEnd, bodyStart, bodyEnd } = stale;
    const message = new Message(route, amqpFormat, bytes, nativeStart, nativeEnd, bodyStart, bodyEnd);
    message.owned = stale.owned;
    message.persistent = stale.persistent;
    message.priority = stale.priority;
    message.expirationMs = stale.expirationMs;
    if (this.#facts.special) return this.#publishSpecial(message);
    this.#channel.publish(route, message, this.#mandatory);
  }

  /** Checks and rewriting for properties that mean something to the broker: user-id, reply-to, CC and BCC. */
  #publishSpecial(message: Message): void {
    const facts = this.#facts;
    facts.check(this.#context.userName, this.#context.impersonator);
    if (!facts.needsProperties) {
      this.#channel.publish(message.route, message, this.#mandatory);
      return;
    }
    let properties: Properties = message.properties;
    let rewritten = false;
    if (facts.directReply) {
      const address = this.#channel.replyAddress;
      if (address === null) throw new AmqpError(replyCodes.preconditionFailed, "fast reply consumer does not exist");
      properties.replyTo = address;
      rewritten = true;
    }
    const copies = copyRoutes(properties, this.#channel, message.route.exchange);
    message.extraKeys = copies.visibleKeys;
    if (copies.blind) {
      properties = withoutBlindCopies(properties);
      rewritten = true;
    }
    const sent = rewritten ? message.derive(message.route, properties) : message;
    this.#channel.publish(sent.route, sent, this.#mandatory, copies.routes);
  }
}
