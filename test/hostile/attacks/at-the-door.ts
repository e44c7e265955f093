import { type Attack, type Scene, sized } from "../attack.ts";
import { residentMiB } from "../stage/resident-memory.ts";
import { lasting, until } from "../waiting.ts";
import { RawStream } from "../wire/raw-stream.ts";

const descriptors = 600;
const handshakeMs = 3000;
/** Until every handshake is over, with room for a busy machine. */
const overMs = 15_000;
const webSocketBytes = 16 * 1024 * 1024 - 64;

/** More connections than there are descriptors, of which none says a word. */
async function silent(scene: Scene): Promise<void> {
  const ports = [scene.amqpPort, scene.mqttPort, scene.stompPort, scene.mqttWsPort, scene.managementPort];
  const streams: RawStream[] = [];
  for (let index = 0; index < descriptors + 200; index++) {
    streams.push(RawStream.begin(ports[index % ports.length] as number));
    if (index % 100 === 99) await lasting(20);
  }
  // Those that are in say nothing until the broker has had enough of them.
  await lasting(handshakeMs);
  for (const stream of streams) stream.destroy();
}

/** WebSocket clients that have not logged in, each with a message that does not end. */
async function unfinishedMessages(scene: Scene): Promise<void> {
  const clients = sized(scene, 30, 100);
  const before = residentMiB(scene.brokerProcessId);
  const streams: RawStream[] = [];
  for (let index = 0; index < clients; index++) {
    streams.push(await upgraded(index % 2 === 0 ? scene.mqttWsPort : scene.stompWsPort, index % 2 === 0));
  }
  // A final binary frame, masked, of which the end is missing.
  const head = Buffer.alloc(14);
  head.writeUInt16BE(0x82ff, 0);
  head.writeBigUInt64BE(BigInt(webSocketBytes + 32), 2);
  const body = Buffer.alloc(1024 * 1024, 0x41);
  for (const stream of streams) {
    stream.send(head);
    for (let sent = 0; sent < webSocketBytes - body.length; sent += body.length) stream.socket.write(body);
  }
  await until("everything sent, or refused", () => streams.every(isDone), overMs);
  await lasting(500);
  const grownMiB = residentMiB(scene.brokerProcessId) - before;
  scene.note(`${clients} of them cost ${grownMiB.toFixed(0)} MiB`);
  for (const stream of streams) stream.destroy();
}

/** What was sent is with the broker, or the broker does not take it. */
function isDone({ socket, ended }: RawStream): boolean {
  return ended || socket.writableLength === 0 || socket.bytesWritten > 64 * 1024;
}

async function upgraded(port: number, isMqtt: boolean): Promise<RawStream> {
  const stream = await RawStream.connect(port);
  stream.send(
    Buffer.from(
      `GET ${isMqtt ? "/mqtt" : "/ws"} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${isMqtt ? "mqtt" : "v12.stomp"}\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ),
  );
  await until("the upgrade", () => stream.receivedBytes > 0 || stream.ended, overMs);
  return stream;
}

/** A ClientHello, and halves and noise that begin like one, where nobody speaks TLS. */
async function tlsOnPlainPorts(scene: Scene): Promise<void> {
  const hello = Buffer.from("16030100a5010000a10303", "hex");
  const endless = Buffer.from("1603010001", "hex");
  const ports = [scene.amqpPort, scene.mqttPort, scene.stompPort, scene.mqttWsPort, scene.stompWsPort];
  const streams: RawStream[] = [];
  for (let index = 0; index < sized(scene, 100, 1000); index++) {
    const stream = await RawStream.connect(ports[index % ports.length] as number);
    stream.send(index % 3 === 0 ? Buffer.concat([hello, Buffer.alloc(200, index)]) : index % 3 === 1 ? endless : hello);
    streams.push(stream);
  }
  const open = (): number => streams.filter(({ ended }) => !ended).length;
  await until("the end of all of them", () => open() === 0, handshakeMs + overMs).catch(() => {
    throw new Error(`${open()} of ${streams.length} are still open long after handshake-timeout`);
  });
}

export const atTheDoor: readonly Attack[] = [
  {
    name: "silent-connections",
    title: "silent connections beyond the limit of open files",
    kind: "single",
    descriptors,
    refusesNewcomers: true,
    arguments: ["--handshake-timeout", `${handshakeMs}ms`],
    run: silent,
  },
  {
    name: "unfinished-web-socket-messages",
    title: "WebSocket clients that have not logged in, each with an unfinished message of 16 MiB",
    kind: "single",
    peakMiBMax: 100,
    run: unfinishedMessages,
  },
  {
    name: "tls-on-plain-ports",
    title: "TLS, whole and in halves, on ports that do not speak it",
    kind: "single",
    arguments: ["--handshake-timeout", `${handshakeMs}ms`],
    run: tlsOnPlainPorts,
  },
];
