import { connect, type Socket } from "node:net";

/** A method frame on channel 0. */
function methodFrame(classId: number, methodId: number, args: Buffer): Buffer {
  const frame = Buffer.alloc(7 + 4 + args.length + 1);
  frame[0] = 1;
  frame.writeUInt32BE(4 + args.length, 3);
  frame.writeUInt16BE(classId, 7);
  frame.writeUInt16BE(methodId, 9);
  args.copy(frame, 11);
  frame[frame.length - 1] = 0xce;
  return frame;
}

function shortString(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}

function longString(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}

const emptyTable = longString("");
const startOk = methodFrame(
  10,
  11,
  Buffer.concat([emptyTable, shortString("PLAIN"), longString("\0guest\0guest"), shortString("en_US")]),
);
/** 16 channels, frames of 128 KiB, no heartbeat. */
const tuneOk = methodFrame(10, 31, Buffer.from([0, 16, 0, 2, 0, 0, 0, 0]));
const open = methodFrame(10, 40, Buffer.concat([shortString("/"), shortString(""), Buffer.from([0])]));

/** Resolves with the next method that the server sends, `class.method`. */
function nextMethod(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed by the server")));
    socket.once("data", (chunk) => resolve(`${chunk.readUInt16BE(7)}.${chunk.readUInt16BE(9)}`));
  });
}

/** A client that has sent the protocol header and got connection.start. */
export async function greetedClient(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ host, port });
  socket.write("AMQP\x00\x00\x09\x01");
  const method = await nextMethod(socket);
  if (method !== "10.10") throw new Error(`expected connection.start, got ${method}`);
  return socket;
}

/** A client with an open connection to `/`, as guest. It answers nothing that the server says afterwards. */
export async function openClient(port: number): Promise<Socket> {
  const socket = await greetedClient(port);
  socket.write(startOk);
  await nextMethod(socket);
  socket.write(Buffer.concat([tuneOk, open]));
  const method = await nextMethod(socket);
  if (method !== "10.41") throw new Error(`expected connection.open-ok, got ${method}`);
  return socket;
}

/** Resolves with the code and text of the connection.close that the server sends. */
export function serverClose(socket: Socket): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      if (chunk.readUInt16BE(7) !== 10 || chunk.readUInt16BE(9) !== 50) return;
      const textBytes = chunk[13] ?? 0;
      resolve({ code: chunk.readUInt16BE(11), text: chunk.toString("utf8", 14, 14 + textBytes) });
    });
  });
}

/** connection.close-ok: the client agrees to the end. */
export const closeOk: Buffer = methodFrame(10, 51, Buffer.alloc(0));
