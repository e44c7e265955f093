/**
 * What can be wrong with a request, in the words of AMQP 0-9-1 (section "reply codes"), the strictest of the three
 * protocols. Adapters translate by a table that the compiler completes: `satisfies Record<BrokerErrorCode, …>`.
 */
export type BrokerErrorCode =
  | "access-refused"
  | "not-found"
  | "resource-locked"
  | "precondition-failed"
  /** A bound is reached, or memory is low: the same request may pass later. AMQP has no word for it but 406. */
  | "quota-exceeded"
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

/** The explanation of a missing permission. The default exchange goes by `amq.default`, as in the patterns. */
export function permissionRefused(
  permission: string,
  kind: "queue" | "exchange",
  name: string,
  vhost: string,
  user: string,
): BrokerError {
  const title = resourceName(kind, name === "" && kind === "exchange" ? "amq.default" : name, vhost);
  return new BrokerError("access-refused", `${permission} access to ${title} refused for user '${user}'`);
}
