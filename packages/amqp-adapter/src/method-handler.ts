import type { ChannelSession } from "./channel-session.ts";
import { type MethodArguments, type MethodDefinition, methodKey } from "./methods/definition.ts";
import { decodeArguments } from "./methods/method-codec.ts";

/** Handles one method on an open channel. A promise holds the connection's further frames until it is settled. */
export type MethodHandler = (
  channel: ChannelSession,
  bytes: Buffer,
  start: number,
  end: number,
) => Promise<void> | undefined;

/** A table entry: the definition's key, and a handler that gets decoded arguments. */
export function on<M extends MethodDefinition>(
  definition: M,
  handle: (channel: ChannelSession, values: MethodArguments<M>) => Promise<void> | undefined | void,
): readonly [number, MethodHandler] {
  const handler: MethodHandler = (channel, bytes, start, end) =>
    handle(channel, decodeArguments(definition, bytes, start, end)) ?? undefined;
  return [methodKey(definition), handler];
}
