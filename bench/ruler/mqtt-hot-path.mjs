// A ruler, not a broker: how fast can one core of Node move MQTT 3.1.1 messages of QoS 0 when it owes its users nothing?
// It finds the subscribers by the topic's text, passes each packet on as it came and writes once a turn to each socket.
// It checks nothing, matches no wildcard, and knows no sessions or other QoS. Usage: PORT=1884 node mqtt-hot-path.mjs
import net from "node:net";

const EMPTY = Buffer.alloc(0);
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);

/** @type {Map<string, Connection[]>} */
const subscribers = new Map();
/** @type {Connection[]} connections with packets to write when the turn ends */
const dirty = [];

class Connection {
  rest = EMPTY;
  packets = [];
  packetBytes = 0;

  constructor(socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.onData(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const [topic, list] of subscribers)
        if (list.includes(this)) {
          const left = list.filter((each) => each !== this);
          if (left.length > 0) subscribers.set(topic, left);
          else subscribers.delete(topic);
        }
    });
  }

  onData(chunk) {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const taken = this.takePackets(bytes);
    this.rest = taken < bytes.length ? bytes.subarray(taken) : EMPTY;
  }

  takePackets(bytes) {
    const end = bytes.length;
    let start = 0;
    for (;;) {
      let at = start + 1;
      let length = 0;
      let byte = 128;
      for (let shift = 0; byte > 127 && at < end; shift += 7) {
        byte = bytes[at++];
        length |= (byte & 127) << shift;
      }
      if (byte > 127 || end - at < length) return start;
      const packetEnd = at + length;
      if (bytes[start] >> 4 === 3) publish(bytes, start, at, packetEnd);
      else this.onOther(bytes, start, at, packetEnd);
      start = packetEnd;
    }
  }

  onOther(bytes, start, from, end) {
    const type = bytes[start] >> 4;
    if (type === 1) this.socket.write(CONNACK);
    else if (type === 8) this.onSubscribe(bytes, from, end);
    else if (type === 12) this.socket.write(PINGRESP);
    else if (type === 14) this.socket.end();
  }

  onSubscribe(bytes, from, end) {
    let count = 0;
    for (let at = from + 2; at < end; at += 3 + bytes.readUInt16BE(at)) {
      const topic = bytes.latin1Slice(at + 2, at + 2 + bytes.readUInt16BE(at));
      subscribers.set(topic, [...(subscribers.get(topic) ?? []), this]);
      count++;
    }
    this.socket.write(Buffer.from([0x90, 2 + count, bytes[from], bytes[from + 1], ...new Uint8Array(count)]));
  }

  push(packet) {
    if (this.packets.length === 0) {
      if (dirty.length === 0) setImmediate(flushAll);
      dirty.push(this);
    }
    this.packets.push(packet);
    this.packetBytes += packet.length;
  }

  flush() {
    const joined = Buffer.allocUnsafe(this.packetBytes);
    let at = 0;
    for (const packet of this.packets) {
      joined.set(packet, at);
      at += packet.length;
    }
    this.packets.length = 0;
    this.packetBytes = 0;
    this.socket.write(joined);
  }
}

function publish(bytes, start, from, end) {
  const topicEnd = from + 2 + ((bytes[from] << 8) | bytes[from + 1]);
  const list = subscribers.get(bytes.latin1Slice(from + 2, topicEnd));
  if (list === undefined) return;
  const packet = bytes.subarray(start, end);
  for (let i = 0; i < list.length; i++) list[i].push(packet);
}

function flushAll() {
  for (let i = 0; i < dirty.length; i++) dirty[i].flush();
  dirty.length = 0;
}

const server = net.createServer({ noDelay: true }, (socket) => new Connection(socket));
server.listen(Number(process.env.PORT ?? 1884), "127.0.0.1", () => console.log("ready"));
