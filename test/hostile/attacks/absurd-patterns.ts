import { declareFlags, longstr, method, octet, short, shortstr, table } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient, bindQueue, contentHead, declareQueue } from "../wire/amqp-client.ts";
import { StompClient } from "../wire/stomp-client.ts";

const text = (value: string): Buffer => Buffer.concat([Buffer.from("S"), longstr(value)]);

/** LIKE that fails late at every place, as long as a selector may be, over a header as long as one may be. */
async function like(scene: Scene): Promise<void> {
  const client = await StompClient.open(scene.stompPort);
  const subscribers = sized(scene, 5, 50);
  for (let index = 0; index < subscribers; index++) {
    const selector = `a LIKE '%${"a".repeat(3900)}b%'`;
    client.send("SUBSCRIBE", { destination: "/topic/like", id: String(index), selector, receipt: `r${index}` });
    await client.nextOf("RECEIPT", index + 1);
  }
  const beganMs = performance.now();
  client.send("SEND", { destination: "/topic/like", a: "a".repeat(15_000), receipt: "sent" }, "m");
  await client.nextOf("RECEIPT", subscribers + 1);
  scene.note(`LIKE took ${(performance.now() - beganMs).toFixed(0)} ms`);
  client.destroy();
}

/** As many as a binding may have, one for `x-match` aside. */
const headersEach = 250;

/** Bindings of a headers exchange with many headers each, and messages that just fail to match. */
async function headers(scene: Scene): Promise<void> {
  const client = await AmqpClient.open(scene.amqpPort);
  const names = Array.from({ length: headersEach }, (_, index) => `h${index}`);
  const pattern = table([...names.map((name) => [name, text("v")] as const), ["x-match", text("all")]]);
  await client.call(1, declareQueue("matched", declareFlags.exclusive), 0x32000b);
  const bindings = sized(scene, 300, 3000);
  for (let index = 0; index < bindings; index++) {
    client.stream.send(bindQueue("matched", "amq.headers", `k${index}`, 1, pattern));
    if (index % 50 === 49) await client.settled();
  }
  const almost = table(names.map((name, index) => [name, text(index === names.length - 1 ? "w" : "v")] as const));
  const one = Buffer.concat([
    method(1, 60, 40, short(0), shortstr("amq.headers"), shortstr(""), octet(0)),
    contentHead(0, Buffer.concat([short(0x2000), almost])),
  ]);
  const beganMs = performance.now();
  const messages = sized(scene, 100, 1000);
  client.stream.send(...Array.from({ length: messages }, () => one));
  await client.settled();
  scene.note(`${messages} messages before ${bindings} bindings took ${(performance.now() - beganMs).toFixed(0)} ms`);
  client.destroy();
}

export const absurdPatterns: readonly Attack[] = [
  {
    name: "absurd-like",
    title: "LIKE of 3,900 letters that nearly fits everywhere in 15,000",
    kind: "single",
    run: like,
  },
  {
    name: "absurd-headers",
    title: "thousands of bindings of a headers exchange with 250 headers each",
    kind: "single",
    heapMiB: 1024,
    peakMiBMax: 500,
    afterMiBMax: 400,
    run: headers,
  },
];
