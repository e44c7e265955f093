// A ruler, not a broker: how fast can one core of Node move AMQP 0-9-1 messages when it owes its users nothing?
// It parses in place, remembers the last route, copies each message once into the receiver's outbox and writes once a
// turn. It checks nothing, matches no wildcard, stores nothing and redelivers nothing. Usage: PORT=5673 node amqp-hot-path.mjs
import net from "node:net";

const OUTBOX_BYTES = 128 * 1024;
const FRAME_END = 0xce;
const EMPTY = Buffer.alloc(0);

/** @type {Map<string, Queue>} */
const queues = new Map();
/** @type {Map<string, Queue[]>} queues bound to any exchange, by routing key */
const bindings = new Map();
/** @type {Connection[]} connections with bytes to write when the turn ends */
const dirty = [];

class Queue {
  consumers = [];
  turn = 0;
  waiting = [];
  first = 0;

  push(message) {
    const consumers = this.consumers;
    for (let tries = consumers.length; tries > 0; tries--) {
      if (++this.turn >= consumers.length) this.turn = 0;
      const consumer = consumers[this.turn];
      if (consumer.credit > 0) {
        consumer.deliver(message);
        return;
      }
    }
    this.waiting.push(message);
  }

  drainTo(consumer) {
    const waiting = this.waiting;
    while (consumer.credit > 0 && this.first < waiting.length) {
      const message = waiting[this.first];
      waiting[this.first++] = undefined;
      consumer.deliver(message);
    }
    if (this.first === waiting.length || this.first > 65536) {
      waiting.splice(0, this.first);
      this.first = 0;
    }
  }
}

/** Where a message's pieces lie in the chunk that brought it. */
class Message {
  constructor(route, bytes, header, headerEnd, body, bodyEnd) {
    this.route = route;
    this.bytes = bytes;
    this.header = header;
    this.headerEnd = headerEnd;
    this.body = body;
    this.bodyEnd = bodyEnd;
  }
}

class Consumer {
  deliveryTag = 0;

  constructor(connection, queue, channel, tagField, noAck) {
    this.connection = connection;
    this.queue = queue;
    this.channel = channel;
    this.noAck = noAck;
    this.credit = noAck || connection.prefetch === 0 ? Number.POSITIVE_INFINITY : connection.prefetch;
    this.head = Buffer.concat([Buffer.from([1, 0, channel, 0, 0, 0, 0, 0, 60, 0, 60]), tagField]);
  }

  deliver(message) {
    const connection = this.connection;
    const route = message.route;
    const bytes = message.bytes;
    const headerLength = message.headerEnd - message.header;
    const bodyLength = message.bodyEnd - message.body;
    connection.reserve(this.head.length + route.length + headerLength + bodyLength + 48);
    const out = connection.outbox;
    const start = connection.position;
    const channel = this.channel;

    out.set(this.head, start);
    let at = start + this.head.length;
    at = writeU32(out, writeU32(out, at, 0), ++this.deliveryTag);
    out[at++] = 0;
    if (route.length > 16) {
      out.set(route, at);
      at += route.length;
    } else at = copyFew(route, 0, route.length, out, at);
    writeU32(out, start + 3, at - start - 7);
    out[at++] = FRAME_END;

    out[at] = 2;
    out[at + 1] = 0;
    out[at + 2] = channel;
    at = writeU32(out, at + 3, headerLength);
    at = copyFew(bytes, message.header, message.headerEnd, out, at);
    out[at++] = FRAME_END;

    out[at] = 3;
    out[at + 1] = 0;
    out[at + 2] = channel;
    at = writeU32(out, at + 3, bodyLength);
    bytes.copy(out, at, message.body, message.bodyEnd);
    at += bodyLength;
    out[at++] = FRAME_END;
    connection.position = at;

    if (!this.noAck) {
      this.credit--;
      connection.unacked.push(this);
    }
  }
}

class Connection {
  rest = EMPTY;
  greeted = false;
  outbox = Buffer.allocUnsafeSlow(OUTBOX_BYTES);
  position = 0;
  isDirty = false;
  prefetch = 0;
  consumers = [];
  unacked = [];
  firstUnackedTag = 1;
  confirming = false;
  published = 0;
  confirmed = 0;
  publishBytes = EMPTY;
  route = EMPTY;
  targets = [];
  header = null;

  constructor(socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.onData(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { queue } of this.consumers)
        queue.consumers = queue.consumers.filter((each) => each.connection !== this);
    });
  }

  reserve(bytes) {
    if (this.position + bytes > this.outbox.length) this.flush(bytes);
    if (this.isDirty) return;
    this.isDirty = true;
    dirty.push(this);
  }

  flush(roomBytes) {
    if (this.position > 0) this.socket.write(this.outbox.subarray(0, this.position));
    this.outbox = Buffer.allocUnsafeSlow(Math.max(OUTBOX_BYTES, roomBytes));
    this.position = 0;
  }

  send(channel, classId, methodId, fields = EMPTY) {
    this.reserve(fields.length + 12);
    const out = this.outbox;
    let at = this.position;
    out[at] = 1;
    out[at + 1] = 0;
    out[at + 2] = channel;
    at = writeU32(out, at + 3, fields.length + 4);
    at = writeU32(out, at, (classId << 16) | methodId);
    out.set(fields, at);
    at += fields.length;
    out[at++] = FRAME_END;
    this.position = at;
  }

  onData(chunk) {
    let at = 0;
    if (!this.greeted) {
      this.greeted = true;
      at = 8;
      this.send(0, 10, 10, Buffer.from("\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US", "latin1"));
    }
    if (this.rest.length > 0) at = this.joinRest(chunk);
    at = this.takeFrames(chunk, at);
    if (at < chunk.length) this.rest = chunk.subarray(at);
    if (this.confirming && this.published > this.confirmed) this.confirm();
    for (let i = 0; i < dirty.length; i++) {
      dirty[i].isDirty = false;
      dirty[i].flush(0);
    }
    dirty.length = 0;
  }

  /** Completes the frame that straddles two chunks, and only that frame; returns where the next one begins. */
  joinRest(chunk) {
    const rest = this.rest;
    let length = 8;
    if (rest.length >= 7) length += readU32(rest, 3);
    else length += readU32(Buffer.concat([rest, chunk.subarray(0, 7)]), 3);
    const missing = length - rest.length;
    if (missing > chunk.length) {
      this.rest = Buffer.concat([rest, chunk]);
      return chunk.length;
    }
    this.rest = EMPTY;
    this.takeFrames(Buffer.concat([rest, chunk.subarray(0, missing)]), 0);
    return missing;
  }

  takeFrames(bytes, from) {
    const end = bytes.length;
    let at = from;
    while (end - at >= 8) {
      const payload = at + 7;
      const payloadEnd = payload + readU32(bytes, at + 3);
      if (payloadEnd >= end) break;
      const type = bytes[at];
      if (type === 1) this.onMethod(bytes, bytes[at + 2], payload, payloadEnd);
      else if (type === 2) this.onHeader(bytes, payload, payloadEnd);
      else if (type === 3) this.onBody(bytes, payload, payloadEnd);
      at = payloadEnd + 1;
    }
    return at;
  }

  onMethod(bytes, channel, at, end) {
    const method = (bytes[at + 1] << 8) | bytes[at + 3];
    if (method === 0x3c28) this.onPublish(bytes, at + 4, end);
    else if (method === 0x3c50) this.onAck(readU32(bytes, at + 8), (bytes[at + 12] & 1) !== 0);
    else topology[method]?.(this, channel, bytes.subarray(at + 4, end));
  }

  /** The usual publisher repeats itself: the same bytes as last time are the same route. */
  onPublish(bytes, from, end) {
    const last = this.publishBytes;
    const length = end - from;
    if (last.length === length) {
      let i = 2;
      while (i < length && last[i] === bytes[from + i]) i++;
      if (i === length) return;
    }
    this.publishBytes = Buffer.from(bytes.subarray(from, end));
    const [exchange, afterExchange] = shortString(this.publishBytes, 2);
    const [key, afterKey] = shortString(this.publishBytes, afterExchange);
    this.route = this.publishBytes.subarray(2, afterKey);
    const queue = queues.get(key);
    this.targets = exchange === "" ? (queue ? [queue] : []) : (bindings.get(key) ?? []);
  }

  onHeader(bytes, from, end) {
    this.header = bytes;
    this.headerAt = from;
    this.headerEnd = end;
    this.bodyLeft = readU32(bytes, from + 8);
    this.parts = null;
    if (this.bodyLeft === 0) this.onBody(bytes, end, end);
  }

  onBody(bytes, from, end) {
    const whole = this.bodyLeft === end - from && this.parts === null;
    if (whole && this.header === bytes) {
      this.publish(new Message(this.route, bytes, this.headerAt, this.headerEnd, from, end));
      return;
    }
    this.parts ??= [this.header.subarray(this.headerAt, this.headerEnd)];
    this.parts.push(bytes.subarray(from, end));
    this.bodyLeft -= end - from;
    if (this.bodyLeft > 0) return;
    const headerLength = this.headerEnd - this.headerAt;
    const joined = Buffer.concat(this.parts);
    this.publish(new Message(this.route, joined, 0, headerLength, headerLength, joined.length));
  }

  publish(message) {
    this.published++;
    const targets = this.targets;
    for (let i = 0; i < targets.length; i++) targets[i].push(message);
  }

  confirm() {
    this.confirmed = this.published;
    const fields = Buffer.alloc(9, 1);
    fields.writeBigUInt64BE(BigInt(this.published));
    this.send(1, 60, 80, fields);
  }

  onAck(deliveryTag, multiple) {
    const unacked = this.unacked;
    const index = deliveryTag - this.firstUnackedTag;
    let consumer = unacked[index];
    if (consumer === undefined) return;
    for (let i = multiple ? 0 : index; i <= index; i++) {
      consumer = unacked[i];
      if (consumer !== undefined) consumer.credit++;
      unacked[i] = undefined;
    }
    if (multiple) {
      unacked.splice(0, index + 1);
      this.firstUnackedTag += index + 1;
    }
    consumer.queue.drainTo(consumer);
  }
}

/** Everything but messages, by class and method number. Enough for a load generator, no more. */
const topology = {
  0x0a0b: (connection) => connection.send(0, 10, 30, Buffer.from([7, 255, 0, 2, 0, 0, 0, 0])),
  0x0a28: (connection) => connection.send(0, 10, 41, Buffer.from([0])),
  0x0a32: (connection) => connection.send(0, 10, 51),
  0x140a: (connection, channel) => connection.send(channel, 20, 11, Buffer.alloc(4)),
  0x1428: (connection, channel) => connection.send(channel, 20, 41),
  0x320a: (connection, channel, fields) => {
    const [name] = shortString(fields, 2);
    const queue = queues.get(name) ?? new Queue();
    queues.set(name, queue);
    const answer = Buffer.alloc(name.length + 9);
    answer[0] = name.length;
    answer.latin1Write(name, 1);
    answer.writeUInt32BE(queue.waiting.length - queue.first, name.length + 1);
    connection.send(channel, 50, 11, answer);
  },
  0x3214: (connection, channel, fields) => {
    const [name, afterName] = shortString(fields, 2);
    const [, afterExchange] = shortString(fields, afterName);
    const [key] = shortString(fields, afterExchange);
    bindings.set(key, [...(bindings.get(key) ?? []), queues.get(name)]);
    connection.send(channel, 50, 21);
  },
  0x3228: (connection, channel, fields) => {
    queues.delete(shortString(fields, 2)[0]);
    connection.send(channel, 50, 41, Buffer.alloc(4));
  },
  0x3c0a: (connection, channel, fields) => {
    connection.prefetch = fields.readUInt16BE(4);
    connection.send(channel, 60, 11);
  },
  0x3c14: (connection, channel, fields) => {
    const [name, afterName] = shortString(fields, 2);
    const [, afterTag] = shortString(fields, afterName);
    const tagField = Buffer.from(fields.subarray(afterName, afterTag));
    const consumer = new Consumer(connection, queues.get(name), channel, tagField, (fields[afterTag] & 2) !== 0);
    connection.send(channel, 60, 21, tagField);
    connection.consumers.push(consumer);
    consumer.queue.consumers.push(consumer);
    consumer.queue.drainTo(consumer);
  },
  0x550a: (connection, channel) => {
    connection.confirming = true;
    connection.send(channel, 85, 11);
  },
};

function readU32(bytes, at) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function writeU32(bytes, at, value) {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

/** For a few dozen bytes a loop costs less than a call out of JavaScript. */
function copyFew(bytes, from, end, out, at) {
  for (let i = from; i < end; i++) out[at++] = bytes[i];
  return at;
}

function shortString(bytes, at) {
  const end = at + 1 + bytes[at];
  return [bytes.latin1Slice(at + 1, end), end];
}

const server = net.createServer({ noDelay: true }, (socket) => new Connection(socket));
server.listen(Number(process.env.PORT ?? 5673), "127.0.0.1", () => console.log("ready"));
