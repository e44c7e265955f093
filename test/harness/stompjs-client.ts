import { Client, type IFrame, type IMessage, type StompConfig } from "@stomp/stompjs";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { StompTarget } from "./stomp-target.ts";
import { Inbox, once } from "./waiting.ts";

/** Headers of a frame. */
type Headers = Readonly<Record<string, string>>;

/** What a stompjs client needs to know of a broker. */
export type StompAddress = Pick<StompTarget, "webSocketUrl" | "username" | "password">;

let lastReceipt = 0;

/** A connected @stomp/stompjs client, with receipts to wait for and inboxes for what arrives. */
export class StompjsClient {
  readonly client: Client;
  /** ERROR frames. */
  readonly errors: Inbox<IFrame> = new Inbox("ERROR frames");
  /** Messages of subscriptions that the client has not made itself: those to its reply queues. */
  readonly replies: Inbox<IMessage> = new Inbox("replies");

  constructor(client: Client) {
    this.client = client;
    client.onStompError = this.errors.push;
    client.onUnhandledMessage = this.replies.push;
  }

  /** Waits for the receipt. */
  async send(destination: string, body: string | Uint8Array, headers: Headers = {}): Promise<void> {
    const content = typeof body === "string" ? { body } : { binaryBody: body };
    await this.#withReceipt("SEND", (receipt) =>
      this.client.publish({ destination, headers: { ...headers, receipt }, ...content }),
    );
  }

  /** Waits for the receipt; the messages come into the inbox. */
  async subscribe(destination: string, headers: Headers = {}): Promise<Inbox<IMessage>> {
    const inbox = new Inbox<IMessage>(`messages of ${destination}`);
    await this.#withReceipt("SUBSCRIBE", (receipt) =>
      this.client.subscribe(destination, inbox.push, { ...headers, receipt }),
    );
    return inbox;
  }

  /** Waits for the receipt. */
  async unsubscribe(id: string, headers: Headers = {}): Promise<void> {
    await this.#withReceipt("UNSUBSCRIBE", (receipt) => this.client.unsubscribe(id, { ...headers, receipt }));
  }

  /** Acknowledges; waits for the receipt. */
  async ack(message: IMessage, headers: Headers = {}): Promise<void> {
    await this.#withReceipt("ACK", (receipt) => message.ack({ ...headers, receipt }));
  }

  /** Refuses; waits for the receipt. */
  async nack(message: IMessage, headers: Headers = {}): Promise<void> {
    await this.#withReceipt("NACK", (receipt) => message.nack({ ...headers, receipt }));
  }

  /** DISCONNECT, and waits for the end of the connection. */
  async disconnect(): Promise<void> {
    await this.client.deactivate();
  }

  #withReceipt(what: string, act: (receipt: string) => void): Promise<IFrame> {
    const receipt = `r${++lastReceipt}`;
    return once<IFrame>(`the receipt of ${what}`, (happened) => {
      this.client.watchForReceipt(receipt, happened);
      act(receipt);
    });
  }
}

/** A stompjs client over WebSocket that is connected, and ends with the test. */
export async function stompjsClient(
  address: StompAddress,
  config: Readonly<Partial<StompConfig>> = {},
): Promise<StompjsClient> {
  const client = new Client({
    webSocketFactory: () => new WebSocket(address.webSocketUrl, ["v12.stomp", "v11.stomp", "v10.stomp"]),
    connectHeaders: { login: address.username, passcode: address.password },
    reconnectDelay: 0,
    ...config,
  });
  const stompjs = new StompjsClient(client);
  onTestFinished(() => client.deactivate({ force: true }));
  await once<IFrame>("CONNECTED", (happened) => {
    client.onConnect = happened;
    client.activate();
  });
  return stompjs;
}
