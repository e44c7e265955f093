import type { VirtualHost } from "@jackalope/core/adapter";
import { type RetainedLimits, RetainedStore } from "./retained-store.ts";

const stores = new WeakMap<VirtualHost, RetainedStore>();

/**
 * The retained messages of a virtual host, one store for whoever serves MQTT in it: the first call makes it, with its
 * exchange and its limits.
 */
export function retainedStoreOf(host: VirtualHost, exchange: string, limits: RetainedLimits): RetainedStore {
  let store = stores.get(host);
  if (store === undefined) stores.set(host, (store = new RetainedStore(host, exchange, limits)));
  return store;
}
