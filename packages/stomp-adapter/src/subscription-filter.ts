import type { Message, MessageFilter } from "@jackalope/core/adapter";
import { type Expression, holds } from "./selector/expression.ts";
import { propertySource } from "./selector/message-properties.ts";
import { parseSelector } from "./selector/parse-selector.ts";
import { SelectorError } from "./selector/selector-error.ts";
import { StompError } from "./stomp-error.ts";

/** Compiles the `selector` header of a SUBSCRIBE. Throws StompError where it cannot be read. */
export function selectorOf(text: string, lengthMax: number): Expression {
  if (text.length > lengthMax) throw new StompError("Invalid selector", `longer than ${lengthMax} characters\n`);
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new StompError("Invalid selector", `${error.message} in '${text}'\n`);
  }
}

/**
 * The messages that a subscription takes: those that its selector holds for and, where `originId` is not 0, that carry
 * another one. In a queue of its own the rest goes, in a shared one it waits for others.
 */
export function subscriptionFilter(selector: Expression | null, originId: number, ownsQueue: boolean): MessageFilter {
  const matches = (message: Message): boolean => {
    if (originId !== 0 && message.originId === originId) return false;
    return selector === null || holds(selector, propertySource(message));
  };
  return { matches, others: ownsQueue ? "discard" : "leave" };
}
