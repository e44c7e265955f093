import { BrokerError } from "./errors.ts";
import type { Queue } from "./queue/queue.ts";

/** The queue is exclusive to another connection. */
export function lockedQueue(queue: Queue): BrokerError {
  const text = `cannot obtain exclusive access to locked ${queue.title}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`;
  return new BrokerError("resource-locked", text);
}

/** The queue is reserved for another user. */
export function reservedQueue(queue: Queue): BrokerError {
  const text = `cannot obtain access to ${queue.title}: it belongs to the session or durable subscription of another user`;
  return new BrokerError("resource-locked", text);
}

/** The default exchange cannot be declared, bound or deleted. */
export function requireNamed(exchange: string): void {
  if (exchange === "") throw new BrokerError("access-refused", "operation not permitted on the default exchange");
}

/** Names that begin with `amq.` are the broker's own. */
export function requireUnreserved(kind: "queue" | "exchange", name: string): void {
  if (!name.startsWith("amq.")) return;
  throw new BrokerError("access-refused", `${kind} name '${name}' contains reserved prefix 'amq.*'`);
}
