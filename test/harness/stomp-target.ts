import { startTarget, type Target, targetOf } from "./target.ts";

/** A broker with AMQP and STOMP. */
export interface StompTarget extends Target {
  /** STOMP over TCP. */
  readonly stompPort: number;
  /** STOMP over WebSocket. */
  readonly webSocketUrl: string;
}

/** Beside JACKALOPE_TEST_AMQP_URL: where that broker, on the same host, speaks STOMP. */
const stompVariables = { tcp: "JACKALOPE_TEST_STOMP_PORT", webSocket: "JACKALOPE_TEST_STOMP_WS_PORT" } as const;

/** Starts a broker in this process, or returns the one that JACKALOPE_TEST_AMQP_URL names. */
export async function startStompTarget(): Promise<StompTarget> {
  const stompPort = process.env[stompVariables.tcp] ?? "";
  const webSocketPort = process.env[stompVariables.webSocket] ?? "";
  if (stompPort !== "" && webSocketPort !== "") {
    return withStomp(await startTarget(), Number(stompPort), Number(webSocketPort));
  }
  const { createBroker } = await import("@jackalope/server");
  const broker = await createBroker({ stompPort: 0, stompWsPort: 0 });
  const target = targetOf(broker.url, () => broker.close());
  return withStomp(target, broker.ports.stomp ?? 0, broker.ports.stompWs ?? 0);
}

function withStomp(target: Target, stompPort: number, webSocketPort: number): StompTarget {
  return { ...target, stompPort, webSocketUrl: `ws://${target.host}:${webSocketPort}/ws` };
}
