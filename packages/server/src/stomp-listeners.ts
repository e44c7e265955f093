import type { Broker } from "@jackalope/core";
import { createStompAdapter, type ListenOptions, type StompAdapter } from "@jackalope/stomp-adapter";
import type { Door } from "@jackalope/transport";
import type { Config } from "./config/config.ts";
import type { PortOpener } from "./port-opener.ts";
import { serverVersion } from "./server-version.ts";

/** Ports of STOMP that are listened on; null for none. */
export interface StompPorts {
  readonly stomp: number | null;
  readonly stompTls: number | null;
  /** STOMP over WebSocket. */
  readonly stompWs: number | null;
  readonly stompWss: number | null;
}

/** The adapter as the settings want it, with no port open yet. */
export function configuredStompAdapter(broker: Broker, config: Config, door: Door): StompAdapter {
  const { stompAnonymousUser: name, stompAnonymousPassword: password, stompBodyMax, handshakeTimeout } = config;
  return createStompAdapter({
    broker,
    door,
    limits: { bodyBytesMax: stompBodyMax, handshakeTimeoutMs: handshakeTimeout },
    anonymousUser: name === "off" ? null : { name, password },
    server: `Jackalope/${serverVersion}`,
  });
}

/** Opens the listeners that the settings ask for. Throws StartError. */
export async function listenStomp(
  adapter: Pick<StompAdapter, "listen" | "listenWebSocket">,
  config: Config,
  opener: PortOpener,
): Promise<StompPorts> {
  const listen = (options: ListenOptions) => adapter.listen(options);
  const webSocket = (options: ListenOptions) => adapter.listenWebSocket({ ...options, origins: config.stompOrigins });
  return {
    stomp: await opener.open("stompPort", listen),
    stompTls: await opener.openTls("stompTlsPort", listen),
    stompWs: await opener.open("stompWsPort", webSocket),
    stompWss: await opener.openTls("stompWssPort", webSocket),
  };
}
