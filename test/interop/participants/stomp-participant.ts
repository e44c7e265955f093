import { Client, type IMessage } from "@stomp/stompjs";
import { WebSocket } from "ws";
import type { StompAddress } from "../../harness/stompjs-client.ts";
import { Inbox, once } from "../../harness/waiting.ts";
import type { Arrived, Participant } from "./participant.ts";

/** Headers that say nothing about the message itself. */
const frameHeaders = new Set(["destination", "message-id", "subscription", "redelivered", "content-length"]);

let lastReceipt = 0;

/** @stomp/stompjs over WebSocket. */
export async function stompParticipant(address: StompAddress): Promise<Participant> {
  const client = new Client({
    webSocketFactory: () => new WebSocket(address.webSocketUrl, ["v12.stomp"]),
    connectHeaders: { login: address.username, passcode: address.password },
    reconnectDelay: 0,
  });
  await once<void>("CONNECTED", (happened) => {
    client.onConnect = () => happened();
    client.activate();
  });
  const withReceipt = (receipt: string, act: () => void): Promise<unknown> => {
    return once(`the receipt ${receipt}`, (happened) => {
      client.watchForReceipt(receipt, happened);
      act();
    });
  };
  return {
    protocol: "stomp",
    send: async ({ destination }, fields, body) => {
      const content = typeof body === "string" ? { body } : { binaryBody: body };
      const headers = { receipt: `p${++lastReceipt}`, ...(fields as Readonly<Record<string, string>>) };
      await withReceipt(headers.receipt, () => client.publish({ destination, headers, ...content }));
    },
    receive: async ({ destination }) => {
      const inbox = new Inbox<Arrived>(`STOMP messages of ${destination}`);
      const receipt = `p${++lastReceipt}`;
      await withReceipt(receipt, () => {
        client.subscribe(destination, (message) => inbox.push(arrived(message)), { receipt });
      });
      return inbox;
    },
    close: () => client.deactivate({ force: true }),
  };
}

function arrived(message: IMessage): Arrived {
  const headers = Object.entries(message.headers).filter(([name]) => !frameHeaders.has(name));
  return {
    fields: Object.fromEntries(headers),
    body: Buffer.from(message.binaryBody),
    address: message.headers["destination"] ?? "",
  };
}
