import type { Bench } from "../bench.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { settledResidentBytes } from "../resident-memory.ts";
import { type Figure, limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";
import { WebSocketStomp } from "../web-socket-stomp.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "jackalope"];
const DESTINATION = "/topic/bench.everybody";
/** How many clients open at a time: a broker's backlog of connections is no part of this. */
const OPENING = 50;
const BROADCASTS = 5;

interface Measured {
  readonly residentKiBEach: number;
  /** Of several broadcasts the slowest, until the last subscriber had it. */
  readonly broadcastMs: number;
}

/** 5,000 WebSocket clients subscribe to one topic and wait; then one message goes to all of them, a few times. */
export const webSocketSubscribers: Scenario = {
  name: "stomp-web-socket",
  title: "5,000 WebSocket subscribers",
  async run(bench) {
    const count = bench.quick ? 1000 : 5000;
    const measured = new Map<PeerName, Measured | { failure: string }>();
    for (const name of bench.taking(brokers)) {
      try {
        measured.set(name, await measure(bench, name, count));
      } catch (error) {
        measured.set(name, { failure: failureText(error) });
        bench.note(`${this.name}, ${name}: ${failureText(error)}`);
      }
    }
    return rows(measured, `${count.toLocaleString("en")} STOMP subscribers over WebSocket`);
  },
};

async function measure(bench: Bench, name: PeerName, count: number): Promise<Measured> {
  const peer = await bench.startFresh(name, { stomp: true });
  const before = await settledResidentBytes(peer.processId);
  const clients: WebSocketStomp[] = [];
  try {
    const publisher = await openInto(clients, peer);
    const subscribers: WebSocketStomp[] = [];
    while (subscribers.length < count) {
      const opening = Array.from({ length: Math.min(OPENING, count - subscribers.length) }, () =>
        openInto(clients, peer),
      );
      const opened = await Promise.all(opening);
      await Promise.all(opened.map((client) => client.subscribe(DESTINATION)));
      subscribers.push(...opened);
    }
    const residentKiBEach = ((await settledResidentBytes(peer.processId)) - before) / count / 1024;
    const times: number[] = [];
    for (let number = 0; number < BROADCASTS; number++) times.push(await broadcast(publisher, subscribers, number));
    const listed = times.map((time) => Math.round(time)).join(", ");
    bench.note(`stomp-web-socket, ${name}: ${residentKiBEach.toFixed(1)} KiB each; one message to all: ${listed} ms`);
    return { residentKiBEach, broadcastMs: Math.max(...times) };
  } finally {
    for (const client of clients) client.close();
    await bench.stop(peer);
  }
}

async function openInto(clients: WebSocketStomp[], peer: RunningPeer): Promise<WebSocketStomp> {
  if (peer.place.stomp === undefined) throw new Error(`${peer.name} was started without STOMP`);
  const client = await WebSocketStomp.open(peer.place.stomp.webSocketPort);
  clients.push(client);
  return client;
}

/** Milliseconds from the send to the last subscriber's message. */
async function broadcast(
  publisher: WebSocketStomp,
  subscribers: readonly WebSocketStomp[],
  number: number,
): Promise<number> {
  const body = `message ${number} for everybody`;
  const everybody = Promise.all(subscribers.map((subscriber) => subscriber.until(body)));
  const began = performance.now();
  publisher.send(`SEND\ndestination:${DESTINATION}\n\n${body}\0`);
  await everybody;
  return performance.now() - began;
}

function rows(measured: ReadonlyMap<PeerName, Measured | { failure: string }>, label: string): Row[] {
  const row = (text: string, unit: string, bound: number, pick: (each: Measured) => number): Row => {
    const figures = new Map<PeerName, Figure>(
      [...measured].map(([name, each]) => [name, "failure" in each ? each : pick(each)]),
    );
    return { label: `${label}: ${text}`, unit, figures, checks: [limitCheck(figures, unit, bound)] };
  };
  return [
    row("resident memory each", "KiB", 60, (each) => each.residentKiBEach),
    row("one message to all", "ms", 300, (each) => each.broadcastMs),
  ];
}
