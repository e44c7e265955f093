import { channelHandlers } from "./channel-methods.ts";
import { consumerHandlers } from "./consumer-methods.ts";
import { exchangeHandlers } from "./exchange-methods.ts";
import type { MethodHandler } from "./method-handler.ts";
import { queueHandlers } from "./queue-methods.ts";

const handlers = new Map<number, MethodHandler>([
  ...channelHandlers,
  ...exchangeHandlers,
  ...queueHandlers,
  ...consumerHandlers,
]);

/** What handles a method on an open channel, or undefined where nothing does. */
export function handlerOf(key: number): MethodHandler | undefined {
  return handlers.get(key);
}
