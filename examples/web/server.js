// A web page on the broker: serves the page, and publishes what the page shows, by AMQP.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { connect } from "amqplib";

const exchange = "amq.topic";
const webSocketUrl = process.env.STOMP_WS_URL ?? "ws://127.0.0.1:15674/ws";
const port = Number(process.env.PORT ?? 8080);

/** Paths of the server and their files; there is nothing else to be had. */
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const stompjs = fileURLToPath(import.meta.resolve("@stomp/stompjs")).replace(/[^/\\]+$/, "");
const script = "text/javascript; charset=utf-8";

function fileOf(path) {
  if (path === "/") return { file: here("index.html"), type: "text/html; charset=utf-8" };
  if (path === "/page.js") return { file: here("page.js"), type: script };
  // The modules of stompjs, as they were installed.
  const module = /^\/stompjs\/((?:compatibility\/)?[\w-]+\.js)$/.exec(path)?.[1];
  return module === undefined ? null : { file: stompjs + module, type: script };
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/broker.json") {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ webSocketUrl }));
    return;
  }
  const found = fileOf(pathname);
  if (found === null) {
    response.writeHead(404).end("not found\n");
    return;
  }
  response.setHeader("content-type", found.type);
  createReadStream(found.file)
    .on("error", () => response.destroy())
    .pipe(response);
});

const connection = await connect(process.env.AMQP_URL ?? "amqp://127.0.0.1");
const channel = await connection.createChannel();
const rooms = ["kitchen", "cellar", "attic"];
let measured = 0;

/** One room after the other; to a worker the page is just another subscriber of the topic. */
function measure() {
  const room = rooms[measured % rooms.length];
  const celsius = (18 + 4 * Math.sin(measured / 7) + rooms.indexOf(room)).toFixed(1);
  measured++;
  const properties = { contentType: "text/plain", timestamp: Math.floor(Date.now() / 1000), headers: { measured } };
  channel.publish(exchange, `example.temperature.${room}`, Buffer.from(celsius), properties);
}

const timer = setInterval(measure, 500);
connection.on("close", () => {
  clearInterval(timer);
  server.close();
});
server.listen(port, "127.0.0.1", () => console.log(`open http://127.0.0.1:${server.address().port}/ in a browser`));
