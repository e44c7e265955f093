// A page that reads a durable subscription and sends with receipts: ?broker=<WebSocket URL>.
import { Client } from "@stomp/stompjs";

const client = new Client({
  brokerURL: new URLSearchParams(location.search).get("broker"),
  connectHeaders: { login: "guest", passcode: "guest" },
  reconnectDelay: 100,
});
let sent = 0;

function add(list, text) {
  const item = document.createElement("li");
  item.textContent = text;
  document.querySelector(list).append(item);
}

function show(state) {
  document.querySelector("#state").textContent = state;
}

client.onConnect = () => {
  const take = (message) => {
    add("#received", `${message.headers.colour ?? "plain"}: ${message.body}`);
    message.ack();
  };
  client.watchForReceipt("subscribed", () => show("subscribed"));
  client.subscribe("/topic/page.news.#", take, {
    id: "page",
    durable: "true",
    "auto-delete": "false",
    ack: "client-individual",
    receipt: "subscribed",
  });
};
client.onWebSocketClose = () => show("away");
client.onStompError = (frame) => add("#errors", frame.headers.message);

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = new FormData(event.target).get("text");
  const receipt = `receipt-${++sent}`;
  client.watchForReceipt(receipt, () => add("#receipts", receipt));
  client.publish({ destination: "/queue/page.letters", body, headers: { persistent: "true", receipt } });
});

client.activate();
