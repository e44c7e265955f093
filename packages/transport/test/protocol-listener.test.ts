import { once } from "node:events";
import { connect } from "node:net";
import { Containment, type LogFields, silentLogger } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { Door, ProtocolListener, type Transport } from "../src/index.ts";
import { AcceptingPort } from "../src/accepting-port.ts";
import type { ProtocolConnection } from "../src/contained-listener.ts";
import { WebSocketDecoder } from "../src/web-socket-decoder.ts";
import { cleanUp, webSocketOptions } from "./listeners-fixture.ts";

type Place = "connect" | "onData" | "onClose" | "goodbye";

/** A protocol with a fault in one of its places, for those who say "fault". */
function openFaulty(place: Place) {
  const clock = new FakeClock();
  const stacks: string[] = [];
  const error = (fields: LogFields): void => void stacks.push(String(fields["stack"]));
  const logger = { ...silentLogger, error };
  const containment = new Containment(clock, logger, () => undefined);
  const fault = (where: Place): void => {
    if (where === place) throw new Error(`fault in ${where}`);
  };
  const heard: string[] = [];
  const listener = new ProtocolListener<ProtocolConnection>({
    ...{ protocol: "TEST", logger, clock, containment, handshakeTimeoutMs: 60_000, shutdownTimeoutMs: 1000 },
    connect: (transport: Transport) => {
      fault("connect");
      return {
        onData: (chunk) => {
          heard.push(chunk.toString());
          fault("onData");
        },
        onHandshakeTimeout: () => undefined,
        onClose: () => fault("onClose"),
        destroy: () => transport.destroy(),
      };
    },
  });
  const close = (): Promise<void> => listener.close(() => fault("goodbye"));
  cleanUp(() => {
    const closed = close();
    clock.advance(1000);
    return closed;
  });
  return { listener, containment, stacks, heard, close };
}

describe("a listener of a protocol", () => {
  it.each(["connect", "onData", "onClose"] as const)("ends the stream alone whose %s throws", async (place) => {
    const { listener, containment, stacks } = openFaulty(place);
    const [tcp] = await listener.listen({ host: "127.0.0.1", port: 0 });
    const [ws] = await listener.listenWebSocket(webSocketOptions);
    for (let count = 0; count < 2; count++) {
      const socket = connect(tcp?.port ?? 0, "127.0.0.1");
      socket.on("error", () => undefined);
      if (place === "onClose") socket.end();
      else socket.write("hello");
      // To its end, whoever ended it.
      socket.resume();
      await once(socket, "close");
    }
    const webSocket = new WebSocket(`ws://127.0.0.1:${ws?.port ?? 0}/ws`);
    webSocket.on("error", () => undefined);
    webSocket.on("open", () => {
      if (place === "onClose") webSocket.close();
      else webSocket.send("hello");
    });
    await once(webSocket, "close");
    await until(() => containment.counts.socket === 3 && listener.size === 0);
    expect(stacks[0]).toContain(`fault in ${place}`);
  });

  it("ends the WebSocket alone whose own decoder fails", async () => {
    const { listener, containment, stacks } = openFaulty("goodbye");
    const [address] = await listener.listenWebSocket(webSocketOptions);
    const decode = vi.spyOn(WebSocketDecoder.prototype, "decode").mockImplementationOnce(() => {
      throw new Error("fault in decode");
    });
    cleanUp(() => decode.mockRestore());
    const ends = [1, 2].map(async () => {
      const webSocket = new WebSocket(`ws://127.0.0.1:${address?.port ?? 0}/ws`);
      webSocket.on("error", () => undefined);
      await once(webSocket, "open");
      webSocket.send("hello");
      return { webSocket, closed: once(webSocket, "close") };
    });
    const clients = await Promise.all(ends);
    await Promise.race(clients.map(({ closed }) => closed));
    await until(() => containment.counts.socket === 1);
    expect(stacks[0]).toContain("fault in decode");
    await until(() => listener.size === 1);
    for (const { webSocket } of clients) webSocket.terminate();
  });

  it("says goodbye to all where one of them fails at it, and cuts that one off", async () => {
    const { listener, containment, heard, close } = openFaulty("goodbye");
    const [address] = await listener.listen({ host: "127.0.0.1", port: 0 });
    const sockets = ["1", "2"].map((name) => {
      const socket = connect(address?.port ?? 0, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      socket.write(name);
      return socket;
    });
    await until(() => heard.length === 2);
    const ends = sockets.map((socket) => once(socket, "close"));
    await close();
    await Promise.all(ends);
    expect(containment.counts.session).toBe(2);
  });
});

it("a port closes the socket alone that it cannot hand on", async () => {
  const clock = new FakeClock();
  const stacks: string[] = [];
  const logger = { ...silentLogger, error: (fields: LogFields) => void stacks.push(String(fields["stack"])) };
  const door = Door.open(clock, logger);
  const take = (): never => {
    throw new Error("fault in take");
  };
  const port = new AcceptingPort({
    ...{ name: "TEST", kind: "client", door, clock, logger, handshakeTimeoutMs: 1000, take },
  });
  const { port: number } = await port.open({ host: "127.0.0.1", port: 0 });
  cleanUp(() => port.close(true));
  for (let count = 1; count <= 2; count++) {
    const socket = connect(number, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    await once(socket, "close");
    await until(() => stacks.length === count);
  }
  expect(stacks[0]).toContain("fault in take");
});
