import { type ListenAddress, type ListenOptions, type RefuserOptions, RefusingListeners } from "@jackalope/transport";
import { FrameDecoder } from "./codec.ts";
import { frameText } from "./frame-writer.ts";
import { defaultStompLimits, type WebSocketListenOptions } from "./options.ts";
import { versionList } from "./version.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

/** Listens for STOMP and serves nobody. */
export interface StompRefuser {
  /** Clients that came so far. */
  readonly refusedCount: number;
  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]>;
  /** Opens a listener for WebSocket, on the paths of the adapter. */
  listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]>;
  /** The ports are free when the call returns. */
  close(): Promise<void>;
}

/** Makes a refuser: a client's first frame, whatever it is, is answered by an ERROR with the reason in `message`. */
export function createStompRefuser(options: RefuserOptions): StompRefuser {
  const limits = defaultStompLimits;
  const listeners = new RefusingListeners({
    ...options,
    protocol: "STOMP",
    refusal: (client) => {
      const refuse = (): void => {
        decoder.stopped = true;
        client.say(errorFrame(options.reason()));
        client.finish();
      };
      const decoder = new FrameDecoder(limits.loginBodyBytesMax, limits, { onFrame: refuse, onRepeatedSend: refuse });
      return (chunk) => {
        decoder.push(chunk);
        try {
          decoder.run();
        } catch {
          refuse();
        }
      };
    },
  });
  return {
    get refusedCount() {
      return listeners.refusedCount;
    },
    listen: (address) => listeners.listen(address),
    listenWebSocket: (address) => listeners.listenWebSocket({ ...address, ...webSocketTerms(limits) }),
    close: () => listeners.close(),
  };
}

/** 1.0 has no escapes: what any client can read. */
function errorFrame(reason: string): Buffer {
  const headers = [
    ["message", reason],
    ["content-type", "text/plain"],
    ["version", versionList],
  ] as const;
  return Buffer.from(frameText("1.0", "ERROR", headers, `CONNECTION_FORCED - ${reason}\n`));
}
