import { Client } from "@stomp/stompjs";
import { WebSocket } from "ws";
import { connectMs, type Rotation, retryMs } from "./client.ts";

/** What a client does with a STOMP connection. */
export interface StompUse {
  /** CONNECTED has come. */
  begin(client: Client): void;
  /** The connection is gone, or was never there. */
  lost(): void;
  /** The broker said ERROR. */
  failed(text: string): void;
}

const heartbeatMs = 1000;

/** @stomp/stompjs over WebSocket, which connects again by itself. */
export class StompLife {
  readonly client: Client;
  #socket: WebSocket | null = null;
  #lastReceipt = 0;

  constructor(rotation: Rotation, use: StompUse) {
    this.client = new Client({
      webSocketFactory: () => (this.#socket = openSocket(rotation.next().stompWs)),
      connectHeaders: { login: "guest", passcode: "guest" },
      reconnectDelay: retryMs,
      connectionTimeout: connectMs,
      heartbeatIncoming: heartbeatMs,
      heartbeatOutgoing: heartbeatMs,
      discardWebsocketOnCommFailure: true,
      onConnect: () => use.begin(this.client),
      onWebSocketClose: () => use.lost(),
      onStompError: ({ headers, body }) => use.failed(`${headers["message"]}: ${body.trim()}`),
    });
    this.client.activate();
  }

  /** A header that asks for a receipt; `received` is called when it comes. */
  receipt(received: () => void): string {
    const receipt = `r${++this.#lastReceipt}`;
    this.client.watchForReceipt(receipt, received);
    return receipt;
  }

  cut(): void {
    this.#socket?.terminate();
  }

  async end(): Promise<void> {
    await this.client.deactivate({ force: true });
  }
}

function openSocket(port: number): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ["v12.stomp"]);
  // stompjs hears of the close; an error that nobody listens to would end the process.
  socket.on("error", () => undefined);
  return socket;
}
