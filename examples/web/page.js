// Runs in the browser: subscribes to every room and shows what was measured last.
import { Client } from "@stomp/stompjs";

const { webSocketUrl } = await (await fetch("/broker.json")).json();
const client = new Client({
  brokerURL: webSocketUrl,
  connectHeaders: { login: "guest", passcode: "guest" },
  reconnectDelay: 1000,
});
const rows = new Map();

function rowOf(room) {
  let row = rows.get(room);
  if (row === undefined) {
    row = document.querySelector("tbody").insertRow();
    for (let cell = 0; cell < 4; cell++) row.insertCell();
    rows.set(room, row);
  }
  return row;
}

function show(message) {
  const room = message.headers.destination.split(".").at(-1);
  const at = new Date(Number(message.headers.timestamp) * 1000).toLocaleTimeString();
  // An AMQP header of a number is text here.
  const texts = [room, message.body, message.headers.measured, at];
  for (const [index, cell] of [...rowOf(room).cells].entries()) cell.textContent = texts[index];
}

function showState(text) {
  document.querySelector("#state").textContent = text;
}

client.onConnect = () => {
  showState("connected");
  client.subscribe("/topic/example.temperature.*", show);
};
client.onWebSocketClose = () => showState("away");
client.onStompError = (frame) => showState(`refusing: ${frame.headers.message}`);
client.activate();
