/** STOMP 1.0, 1.1 and 1.2 for a Jackalope broker. */
export type { ListenAddress, ListenOptions, WebSocketPortOptions } from "@jackalope/transport";
export { createStompAdapter, type StompAdapter } from "./adapter.ts";
export { fixedStompLimits } from "./fixed-limits.ts";
export { stompFormat } from "./mapping.ts";
export {
  type AnonymousUser,
  defaultStompLimits,
  type StompAdapterOptions,
  type StompLimits,
} from "./options.ts";
export { createStompRefuser } from "./refuser.ts";
