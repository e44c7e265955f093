import { propertiesMax } from "./property-check.ts";
import { filtersMax } from "./rare-packet-check.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedMqttLimits: Readonly<Record<"subscribeFiltersMax" | "packetPropertiesMax", number>> = {
  subscribeFiltersMax: filtersMax,
  packetPropertiesMax: propertiesMax,
};
