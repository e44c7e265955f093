import { BrokerError } from "@jackalope/core/adapter";
import { expirationOf } from "./expiration.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import { StompError } from "./stomp-error.ts";

const priorityMax = 255;

/** What the broker must know of the headers of a SEND. */
export class SendFacts {
  persistent = false;
  priority = 0;
  /** Milliseconds, -1 where the sender set none. */
  expirationMs = -1;

  /** Throws where a header is not what it must be, or claims to be from another user. */
  read(head: FrameHead, userName: string, impersonator: boolean): void {
    this.persistent = head.get(headerNames.persistent) === "true";
    this.priority = numberOf(head, headerNames.priority, priorityMax) ?? 0;
    numberOf(head, headerNames.timestamp, Number.MAX_SAFE_INTEGER);
    this.expirationMs = expirationMsOf(head.get(headerNames.expiration));
    const userId = head.get(headerNames.userId);
    if (userId !== undefined && userId !== userName && !impersonator) {
      const text = `user_id property set to '${userId}' but authenticated user was '${userName}'`;
      throw new BrokerError("precondition-failed", text);
    }
  }
}

function expirationMsOf(text: string | undefined): number {
  if (text === undefined) return -1;
  const expiration = expirationOf(text);
  if (typeof expiration === "number") return expiration;
  throw new BrokerError("precondition-failed", `invalid expiration '${text}': ${expiration.problem}`);
}

/** A header that is a whole number up to `max`, or undefined where it is absent. Throws where it is something else. */
export function numberOf(head: FrameHead, name: Buffer, max: number): number | undefined {
  const text = head.get(name);
  if (text === undefined) return undefined;
  if (/^\d{1,16}$/.test(text) && Number(text) <= max) return Number(text);
  const explanation = `'${name.toString()}' must be a number from 0 to ${max}. Got '${text}'\n`;
  throw new StompError("Invalid header", explanation);
}
