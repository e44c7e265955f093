import { type MessageFormat, registerMessageFormat } from "@jackalope/core/adapter";
import { decodeProperties, encodeProperties } from "./property-codec.ts";

/** Messages as AMQP 0-9-1 publishes them: flags and basic properties, byte for byte as in the content header. */
export const amqpFormat: MessageFormat = {
  id: "amqp-0-9-1",
  typed: true,
  toProperties: decodeProperties,
  fromProperties: encodeProperties,
};

registerMessageFormat(amqpFormat);

/** The queue name that asks for direct replies, and the reply-to that asks for a reply to this channel's address. */
export const directReplyQueue = "amq.rabbitmq.reply-to";

/** Carriage returns and line feeds are dropped from names in declare, delete, bind and unbind, as RabbitMQ does. */
export function declaredName(name: string): string {
  return name.replace(/[\r\n]/g, "");
}

/**
 * Exchange and routing key as two short strings: how they stand in basic.publish, basic.deliver, basic.return and
 * basic.get-ok alike. Text longer than a short string, which other protocols can bring, is cut at a whole character.
 */
export function encodeAddress(exchange: string, routingKey: string): Buffer {
  const first = shortStringBytes(exchange);
  const second = shortStringBytes(routingKey);
  const wire = Buffer.allocUnsafeSlow(first.length + second.length + 2);
  wire[0] = first.length;
  wire.set(first, 1);
  wire[1 + first.length] = second.length;
  wire.set(second, 2 + first.length);
  return wire;
}

function shortStringBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= 255) return bytes;
  let end = 255;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
