import type { ListenAddress, StompAdapter, WebSocketListenOptions } from "@jackalope/stomp-adapter";
import type { Config, Port } from "./config/config.ts";
import { listenEverywhere } from "./listen-everywhere.ts";
import { readTls } from "./read-tls.ts";

/** Ports of STOMP that are listened on; null for none. */
export interface StompPorts {
  readonly stomp: number | null;
  readonly stompTls: number | null;
  /** STOMP over WebSocket. */
  readonly stompWs: number | null;
  readonly stompWss: number | null;
}

type Listen = (options: WebSocketListenOptions) => Promise<readonly ListenAddress[]>;

/** Opens the listeners that the settings ask for; those with TLS only where there is a certificate. Throws StartError. */
export async function listenStomp(adapter: StompAdapter, config: Config): Promise<StompPorts> {
  const tls = readTls(config);
  const tcp: Listen = (options) => adapter.listen(options);
  const webSocket: Listen = (options) => adapter.listenWebSocket({ ...options, origins: config.stompOrigins });
  const secure = (listen: Listen): Listen => (tls === undefined ? listen : (options) => listen({ ...options, tls }));
  const open = async (listen: Listen, port: Port, key: string): Promise<number | null> => {
    if (port === "off") return null;
    const listener = {
      async listen(options: WebSocketListenOptions): Promise<{ readonly port: number }> {
        const [{ port: actualPort } = options] = await listen(options);
        return { port: actualPort };
      },
    };
    return listenEverywhere(listener, config.bind, port, key);
  };
  const openSecure = (listen: Listen, port: Port, key: string): Promise<number | null> =>
    tls === undefined ? Promise.resolve(null) : open(secure(listen), port, key);
  return {
    stomp: await open(tcp, config.stompPort, "stompPort"),
    stompTls: await openSecure(tcp, config.stompTlsPort, "stompTlsPort"),
    stompWs: await open(webSocket, config.stompWsPort, "stompWsPort"),
    stompWss: await openSecure(webSocket, config.stompWssPort, "stompWssPort"),
  };
}
