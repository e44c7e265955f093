import { type LogFields, silentLogger } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { afterEach } from "vitest";
import {
  Door,
  type EndReason,
  Listeners,
  type Transport,
  type TransportListener,
  type WebSocketListenOptions,
} from "../src/index.ts";

/** The server's side of one stream: it keeps what came. */
export interface Accepted {
  readonly transport: Transport;
  readonly chunks: Buffer[];
  closed: boolean;
  /** The time for the login is over. */
  timedOut: boolean;
}

/** Listeners of a protocol that keeps what comes, gone with the test. */
export interface ListenersFixture {
  readonly listeners: Listeners;
  readonly accepted: Accepted[];
  /** Warnings and worse. */
  readonly log: string[];
  readonly clock: FakeClock;
  /** The first stream that came, as soon as there is one. */
  first(): Promise<Accepted>;
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Called at the end of the test, the last one first. */
export function cleanUp(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

export const handshakeTimeoutMs = 60_000;

export function openListeners(options: { refuse?: boolean; door?: Door } = {}): ListenersFixture {
  const clock = new FakeClock();
  const log: string[] = [];
  const accepted: Accepted[] = [];
  const keep = (fields: LogFields, text: string): void => {
    log.push(`${text} ${JSON.stringify(fields)}`);
  };
  const accept = (transport: Transport): TransportListener | null => {
    if (options.refuse === true) {
      transport.destroy();
      return null;
    }
    const one: Accepted = { transport, chunks: [], closed: false, timedOut: false };
    accepted.push(one);
    return {
      onData: (chunk) => one.chunks.push(chunk),
      onHandshakeTimeout: () => {
        one.timedOut = true;
      },
      onClose: () => {
        one.closed = true;
      },
    };
  };
  const logger = { ...silentLogger, warn: keep, error: keep };
  const listeners = new Listeners({
    ...{ protocol: "TEST", logger, clock, handshakeTimeoutMs },
    door: options.door ?? Door.open(clock, logger),
    acceptor: { accept, gone: () => undefined, failed: () => accepted.at(-1)?.transport.destroy() },
  });
  cleanUp(() => {
    for (const { transport } of accepted) transport.destroy();
    return listeners.close();
  });
  const first = async (): Promise<Accepted> => {
    await until(() => accepted.length > 0);
    const [one] = accepted;
    if (one === undefined) throw new Error("nobody was accepted");
    return one;
  };
  return { listeners, accepted, log, clock, first };
}

/** Where the tests' WebSocket listeners listen unless they say otherwise. */
export const webSocketOptions: WebSocketListenOptions = {
  host: "127.0.0.1",
  port: 0,
  paths: ["/ws", "/other"],
  subprotocols: ["v2.test", "v1.test"],
  framing: "frames",
};

/** All ends there are, and the close codes that WebSocket clients see (RFC 6455, 7.4.1). */
export const closeCodes: Readonly<Record<EndReason, number>> = {
  normal: 1000,
  shutdown: 1001,
  error: 1008,
  unavailable: 1013,
};
