/** What a connection needs of its byte stream: a socket, a TLS stream, a WebSocket. */
export interface Transport {
  /** "TCP" or "WebSocket", for log lines. */
  readonly kind: "TCP" | "WebSocket";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Common name of the client's certificate where TLS has verified it, null otherwise. */
  readonly peerName: string | null;
  /** The page that a browser's WebSocket belongs to, "https://example.org"; null for everybody else. */
  readonly origin: string | null;
  /** The listener's `origins` name it. */
  readonly originIsNamed: boolean;
  /**
   * Takes the bytes; `done` is called when they have left this process and the memory may be used again. `frameEnds` are
   * places in `bytes` where frames end, null where the transport did not ask for them.
   */
  write(bytes: Buffer, frameEnds: readonly number[] | null, done: () => void): void;
  /** True where frames are sent one by one and `write` must know their ends. */
  readonly wantsFrameEnds: boolean;
  pause(): void;
  resume(): void;
  /**
   * While it is paused: gives back the last of the bytes that came, which come again when it is resumed. As long as they have
   * not, the stream is not over, whatever the client does. False where that cannot be done.
   */
  putBack(bytes: Buffer): boolean;
  /** Ends the stream behind what was written. */
  end(reason: EndReason): void;
  /** Ends it at once. */
  destroy(): void;
  /** The client has logged in: its time limit is over. Until then there is one for everything together. */
  loggedIn(): void;
}

/** Why a stream ends, for transports that tell the peer. */
export type EndReason = "normal" | "shutdown" | "error" | "unavailable";

/** Who is told of what the transport brings. */
export interface TransportListener {
  /** The bytes do not change afterwards. */
  onData(chunk: Buffer): void;
  /** The client has not logged in in time. There is a moment left to tell it why; then the stream is cut. */
  onHandshakeTimeout(): void;
  /** The stream is over; nothing follows. */
  onClose(): void;
}

/** Who is given what listeners bring. */
export interface TransportAcceptor {
  /** Accepts a transport, and returns who is told. Null where it is not wanted and was destroyed. */
  accept(transport: Transport): TransportListener | null;
  /** `listener` was told of the end. */
  gone(listener: TransportListener): void;
  /** The transport of `listener` has failed by a fault of ours: it is to be ended, and nobody else. */
  failed(listener: TransportListener, error: unknown): void;
}

/** An IPv4 address that came through an IPv6 socket, without the prefix; "unknown" for a socket that is gone. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "unknown";
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}
