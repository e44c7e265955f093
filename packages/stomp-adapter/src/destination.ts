import { isLongerThan, nameBytesMax, percentDecoded, topicBytesMax } from "@jackalope/core/adapter";
import { StompError } from "./stomp-error.ts";

/**
 * Where a frame goes to or comes from, RabbitMQ's names. A `queue` is declared at its first use, an `amq-queue` is
 * somebody else's, a `temp-queue` stands for a queue of this connection alone and only in `reply-to`.
 */
export type Destination =
  | { readonly kind: "exchange"; readonly exchange: string; readonly routingKey: string }
  | { readonly kind: "topic" | "queue" | "amq-queue" | "reply-queue" | "temp-queue"; readonly name: string };

/** The exchange behind `/topic/`. */
const topicExchange = "amq.topic";

/** Begins the destinations, and the subscription ids, of reply queues. */
export const tempQueuePrefix = "/temp-queue/";

const replyQueuePrefix = "/reply-queue/";

const typeList = "/temp-queue, /exchange, /topic, /queue, /amq/queue, /reply-queue";

/** Where a publish to this destination goes, and a subscription's own queue is bound. */
export function addressOf(destination: Destination): { readonly exchange: string; readonly routingKey: string } {
  if (destination.kind === "exchange") return destination;
  return { exchange: destination.kind === "topic" ? topicExchange : "", routingKey: destination.name };
}

/** Reads a destination. Throws StompError for one that is none; a text without a slash is the name of a queue. */
export function parseDestination(text: string): Destination {
  const parts = text.split("/");
  if (parts.length === 1) return named("queue", [text]);
  const [empty, type, ...rest] = parts;
  if (empty === "") {
    switch (type) {
      case "exchange":
        return exchangeOf(rest);
      case "queue":
      case "topic":
      case "temp-queue":
        return named(type, rest);
      case "amq":
        if (rest[0] === "queue") return named("amq-queue", rest.slice(1));
        break;
      case "reply-queue":
        // Names of reply queues may have slashes.
        if (rest.length > 0) return replyQueue(text.slice(replyQueuePrefix.length));
        break;
      case "mqtt":
        // An MQTT topic as a request's reply-to gives it: the core knows the way (reply-path.ts there).
        if (rest.length > 0) return replyQueue(text);
        break;
      default:
    }
  }
  const explanation = `'${text}' is not a valid destination.\nValid destination types are: ${typeList}.\n`;
  throw new StompError("Unknown destination", explanation);
}

/** A queue's name, or a path that may have a whole topic in it. */
function replyQueue(name: string): Destination {
  if (isLongerThan(name, topicBytesMax)) throw tooLong(topicBytesMax);
  return { kind: "reply-queue", name };
}

/** A name or key as others see it: one that AMQP cannot carry would be there for STOMP alone. */
function nameOf(part: string): string {
  const name = percentDecoded(part);
  if (isLongerThan(name, nameBytesMax)) throw tooLong(nameBytesMax);
  return name;
}

function tooLong(bytesMax: number): StompError {
  return new StompError("Invalid destination", `A name in the destination has more than ${bytesMax} bytes\n`);
}

function named(kind: "topic" | "queue" | "amq-queue" | "temp-queue", parts: readonly string[]): Destination {
  if (kind === "queue" && parts.length === 1 && parts[0] === "") {
    throw new StompError("Invalid destination", "Destination cannot be blank");
  }
  const [name = ""] = parts;
  if (parts.length !== 1 || name === "") throw invalid(kind, parts);
  return { kind, name: nameOf(name) };
}

function exchangeOf(parts: readonly string[]): Destination {
  const [exchange = "", routingKey = ""] = parts;
  if (exchange === "" || parts.length > 2) throw invalid("exchange", parts);
  return { kind: "exchange", exchange: nameOf(exchange), routingKey: nameOf(routingKey) };
}

function invalid(type: string, parts: readonly string[]): StompError {
  const content = parts.length === 0 ? "" : `/${parts.join("/")}`;
  const explanation = `'${content}' is not a valid ${type.replace("-", "_")} destination\n`;
  return new StompError("Invalid destination", explanation);
}

/** What would be read differently: slashes, percent signs, controls, and everything beyond ASCII. */
function percentEncoded(text: string): string {
  if (/^[ -$&-.0-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x2f && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The destination header of a message that was published to `exchange` with `routingKey`. */
export function formatDestination(exchange: string, routingKey: string): string {
  if (exchange === "") return `/queue/${percentEncoded(routingKey)}`;
  if (exchange === topicExchange) return `/topic/${percentEncoded(routingKey)}`;
  const name = `/exchange/${percentEncoded(exchange)}`;
  return routingKey === "" ? name : `${name}/${percentEncoded(routingKey)}`;
}
