import type { ListenAddress, ListenOptions, WebSocketPortOptions, WebSocketTerms } from "./listen-options.ts";
import type { RefusingListeners } from "./refusing-listeners.ts";

/** Listens for a protocol and serves nobody. */
export interface Refuser {
  /** Clients that came so far. */
  readonly refusedCount: number;
  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]>;
  /** The ports are free when the call returns; resolves when the last client is gone, a moment later. */
  close(): Promise<void>;
}

/** A refuser for a protocol that clients speak over WebSocket, too. */
export interface WebSocketRefuser extends Refuser {
  /** Opens a listener for WebSocket, on the paths of the adapter. */
  listenWebSocket(options: WebSocketPortOptions): Promise<readonly ListenAddress[]>;
}

/** Has listeners that refuse stand in WebSockets as their adapter does. */
export function webSocketRefuser(listeners: RefusingListeners, terms: WebSocketTerms): WebSocketRefuser {
  return {
    get refusedCount() {
      return listeners.refusedCount;
    },
    listen: (options) => listeners.listen(options),
    listenWebSocket: (options) => listeners.listenWebSocket({ ...options, ...terms }),
    close: () => listeners.close(),
  };
}
