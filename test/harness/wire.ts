/** Bytes of AMQP 0-9-1, as a client writes them. */

/** A frame with its end octet. */
export function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([octet(type), short(channel), u32(payload.length), payload, octet(0xce)]);
}

/** A method frame. */
export function method(channel: number, classId: number, methodId: number, ...args: readonly Buffer[]): Buffer {
  return frame(1, channel, Buffer.concat([short(classId), short(methodId), ...args]));
}

export function octet(value: number): Buffer {
  return Buffer.from([value]);
}

export function short(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function shortstr(text: string): Buffer {
  return Buffer.concat([octet(Buffer.byteLength(text)), Buffer.from(text)]);
}

export function longstr(text: string | Buffer): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(text)), Buffer.from(text as string)]);
}

/** A field table; each value comes with its type octet. */
export function table(fields: readonly (readonly [name: string, value: Buffer])[]): Buffer {
  const content = Buffer.concat(fields.flatMap(([name, value]) => [shortstr(name), value]));
  return Buffer.concat([u32(content.length), content]);
}

/** channel.open. */
export function channelOpen(channel: number): Buffer {
  return method(channel, 20, 10, shortstr(""));
}

/** The flags of queue.declare. */
export const declareFlags = { passive: 1, durable: 2, exclusive: 4, autoDelete: 8, nowait: 16 } as const;

/** queue.declare; without flags neither durable nor exclusive. */
export function queueDeclare(channel: number, queue: string, flags = 0): Buffer {
  return method(channel, 50, 10, short(0), shortstr(queue), octet(flags), table([]));
}

/** basic.consume; noAck is 2, nowait 8. */
export function basicConsume(channel: number, queue: string, tag: string, flags: number): Buffer {
  return method(channel, 60, 20, short(0), shortstr(queue), shortstr(tag), octet(flags), table([]));
}

/** basic.publish without its content. */
export function basicPublish(channel: number, exchange: string, key: string, flags = 0): Buffer {
  return method(channel, 60, 40, short(0), shortstr(exchange), shortstr(key), octet(flags));
}

/** A content header; `properties` starts with its flags. */
export function contentHeader(channel: number, bodyBytes: number, properties: Buffer = short(0)): Buffer {
  return frame(2, channel, Buffer.concat([short(60), short(0), u64(bodyBytes), properties]));
}

/** A whole message in one body frame. */
export function message(channel: number, exchange: string, key: string, body: Buffer): Buffer {
  return Buffer.concat([
    basicPublish(channel, exchange, key),
    contentHeader(channel, body.length),
    frame(3, channel, body),
  ]);
}
