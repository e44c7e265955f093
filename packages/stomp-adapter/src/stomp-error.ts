import type { BrokerErrorCode } from "@jackalope/core/adapter";

/** What the peer did wrong. `title` goes into the `message` header of the ERROR frame, `message` into its body. */
export class StompError extends Error {
  readonly title: string;
  /** True where the byte stream cannot be followed any further. */
  readonly streamLost: boolean;

  constructor(title: string, explanation: string, streamLost = false) {
    super(explanation);
    this.name = "StompError";
    this.title = title;
    this.streamLost = streamLost;
  }
}

/** A frame that is none: nothing behind it can be trusted. */
export function malformed(explanation: string): StompError {
  return new StompError("Malformed frame", explanation, true);
}

/** The broker's refusals on the STOMP wire: RabbitMQ's titles and, for the body, its AMQP reply names. */
export const refusals: Readonly<Record<BrokerErrorCode, { readonly title: string; readonly reply: string }>> = {
  "access-refused": { title: "access_refused", reply: "ACCESS_REFUSED" },
  "not-found": { title: "not_found", reply: "NOT_FOUND" },
  "resource-locked": { title: "resource_locked", reply: "RESOURCE_LOCKED" },
  "precondition-failed": { title: "precondition_failed", reply: "PRECONDITION_FAILED" },
  "quota-exceeded": { title: "quota_exceeded", reply: "PRECONDITION_FAILED" },
  "not-allowed": { title: "not_allowed", reply: "NOT_ALLOWED" },
  "not-implemented": { title: "not_implemented", reply: "NOT_IMPLEMENTED" },
  "command-invalid": { title: "command_invalid", reply: "COMMAND_INVALID" },
  "resource-error": { title: "resource_error", reply: "RESOURCE_ERROR" },
  "internal-error": { title: "internal_error", reply: "INTERNAL_ERROR" },
};
