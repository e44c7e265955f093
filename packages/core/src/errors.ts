/**
 * What can be wrong with a request, in the words of AMQP 0-9-1 (section "reply codes"), the strictest of the three
 * protocols. Adapters translate by a table that the compiler completes: `satisfies Record<BrokerErrorCode, …>`.
 */
export type BrokerErrorCode =
  | "access-refused"
  | "not-found"
  | "resource-locked"
  | "precondition-failed"
  | "not-allowed"
  | "not-implemented"
  | "command-invalid"
  | "resource-error"
  | "internal-error";

/** A refusal that the peer caused; `message` is the explanation that clients see, in RabbitMQ's words where it has any. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, explanation: string) {
    super(explanation);
    this.name = "BrokerError";
    this.code = code;
  }
}

/** `queue 'q' in vhost '/'`: how every explanation names a resource. */
export function resourceName(kind: "queue" | "exchange", name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`;
}
