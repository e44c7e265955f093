import type { Containment } from "./containment.ts";
import { stopReasons } from "./stop-reasons.ts";

/** A session whose frames are handled strictly in order. */
export interface OrderedSession {
  readonly wire: { readonly stream: OrderedStream };
  /** The frame at hand failed. */
  failed(error: unknown): void;
}

interface OrderedStream {
  /** Stops reading for `reason`, one of `stopReasons`. */
  stop(reason: number): void;
  /** `reason` is over. */
  proceed(reason: number): void;
  /** Ends the stream at once. */
  destroy(): void;
  readonly containment: Containment;
}

/** Has a session take no further frame until `operation` has ended; a rejection is the failure of the frame at hand. */
export function awaitOperation(session: OrderedSession, operation: Promise<void>): void {
  const { stream } = session.wire;
  stream.stop(stopReasons.operation);
  const ended = operation.then(
    () => stream.proceed(stopReasons.operation),
    (error: unknown) => {
      session.failed(error);
      stream.proceed(stopReasons.operation);
    },
  );
  stream.containment.watch("session", ended, () => stream.destroy());
}
